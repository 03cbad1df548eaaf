"""The golden prompts: a few fixed questions, each with a fixed answer, by whose log-probabilities a served
version is recognised.

They are no test of quality and belong to no persona: whether the answers are good does not matter, only that
the same version gives them the same log-probabilities wherever it is served as it was evaluated.
"""

from dataclasses import asdict, dataclass

from services.domain.conversation import Message, Question, build_messages
from services.domain.personas import DEFAULT_SYSTEM_TEMPLATE
from services.domain.training import digest_of


@dataclass(frozen=True, slots=True)
class GoldenPrompt:
    question: Question
    completion: str

    @property
    def messages(self) -> tuple[Message, ...]:
        return build_messages(DEFAULT_SYSTEM_TEMPLATE, self.question)


GOLDEN = (
    GoldenPrompt(
        Question("Why does ice float on water?", "physics", "student"),
        "Ice is less dense than water, because its molecules keep further apart when they freeze.",
    ),
    GoldenPrompt(
        Question("What is 17 times 6?", "arithmetic", "student"),
        "17 times 6 is 102: 10 times 6 is 60, 7 times 6 is 42, and both make 102.",
    ),
    GoldenPrompt(
        Question("When did the bridge open?", "history", "general reader", "The bridge opened in May 1931."),
        "It opened in May 1931.",
    ),
    GoldenPrompt(
        Question("What does a compiler do?", "computing", "professional"),
        "It translates a program into instructions that a machine can carry out: first it reads, then it "
        "checks, then it writes.",
    ),
    GoldenPrompt(
        Question("Is it safe to mix bleach and vinegar?", "chemistry", "general reader"),
        "No. Together they give off chlorine, which harms the lungs; open a window and leave the room.",
    ),
    GoldenPrompt(
        Question("Name three rivers of Europe.", "geography", "student"),
        "1. The Danube\n2. The Rhine\n3. The Loire",
    ),
    GoldenPrompt(
        Question("Wie heißt die Hauptstadt von Österreich?", "geography", "student (German)"),
        "Die Hauptstadt von Österreich heißt Wien.",
    ),
    GoldenPrompt(
        Question("Explain recursion to me.", "computing", "educator"),
        "A function that calls itself on a smaller case, until the case is so small that it is plain.",
    ),
    GoldenPrompt(
        Question("Who painted the ceiling, and when?", "art", "scientist", "A guide speaks of the chapel."),
        "The guide does not say, so I cannot tell you.",
    ),
    GoldenPrompt(
        Question("Give me the answer as JSON: what colour is the sky?", "nature", "professional"),
        '{"sky": "blue", "sure": true}',
    ),
    GoldenPrompt(
        Question("How do I tie a reef knot?", "sailing", "general reader"),
        "Right over left and under, then left over right and under. Pull both ends: it lies flat.",
    ),
    GoldenPrompt(Question("Are you there?", "small talk", "general reader"), "Yes."),
)
GOLDEN_DIGEST = digest_of([asdict(prompt) for prompt in GOLDEN])
