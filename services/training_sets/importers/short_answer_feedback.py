"""The Short Answer Feedback data set's XML: https://aclanthology.org/2022.acl-long.587

A file is one question with reference answers, which are demonstrations, and students' answers with a score
from 0 to 1, which become stars, and words about them, which become comments. Which language a file is in
stands in the name of its folder only: say it when importing.
"""

from collections.abc import Iterator
from typing import BinaryIO
from xml.parsers import expat

from services.domain.conversation import Question, in_language
from services.domain.personas import DEFAULT_AUDIENCE, DEFAULT_DOMAIN
from services.errors.inputs import InvalidRecord
from services.errors.tree import InvalidInput
from services.training_sets.importers.lines import RECORD_LIMIT, read_bytes
from services.training_sets.importers.records import ImportedExample, ImportedRating, Read, Record
from services.training_sets.importers.rows import Reading, check_each, report
from services.training_sets.importers.scores import stars_of_score

_RATER = "grader"
_TEXTS = frozenset({"questionText", "referenceAnswer", "response", "response_feedback", "score"})
_DEPTH = 50


def read(file: BinaryIO, reading: Reading) -> Iterator[Read]:
    """What breaks the XML ends the file: nothing after it can be told apart."""
    document = _Document(reading)
    for block in read_bytes(file):
        problem = block.reason if isinstance(block, InvalidRecord) else document.parse(block)
        yield from document.taken()
        if problem:
            yield InvalidRecord(document.parser.CurrentLineNumber, problem)
            return
    if not document.any:
        yield InvalidRecord(1, "the file holds no records")


class _Document:
    """Follows the elements of one file and keeps the records that are complete."""

    def __init__(self, reading: Reading) -> None:
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.parser.StartDoctypeDeclHandler = self._doctype
        self.any = False
        self._audience = in_language(DEFAULT_AUDIENCE, reading.language)
        self._depth = 0
        self._line = 1
        self._within = ""
        self._parts: list[str] = []
        self._length = 0
        self._texts: dict[str, str] = {}
        self._taken: list[Read] = []

    def parse(self, block: bytes) -> str:
        """Why nothing from here on can be read; empty when it can. An empty block ends the document."""
        try:
            self.parser.Parse(block, not block)
        except (expat.ExpatError, InvalidInput) as error:
            return f"not XML from here on: {str(error).rstrip('.')}"
        return ""

    def taken(self) -> list[Read]:
        taken, self._taken = self._taken, []
        self.any = self.any or bool(taken)
        return taken

    def _start(self, name: str, _: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > _DEPTH:
            raise InvalidInput("nested too deeply")
        if name == "studentAnswer":
            self._line = self.parser.CurrentLineNumber
            self._texts = {"questionText": self._texts.get("questionText", "")}
        elif name in _TEXTS:
            if name == "referenceAnswer":
                self._line = self.parser.CurrentLineNumber
            self._within, self._parts, self._length = name, [], 0

    def _text(self, text: str) -> None:
        if self._within:
            self._parts.append(text)
            self._length += len(text)
            if self._length > RECORD_LIMIT:
                raise InvalidInput(f"longer than {RECORD_LIMIT:,} characters")

    def _end(self, name: str) -> None:
        self._depth -= 1
        if name == self._within:
            self._texts[name], self._within = "".join(self._parts), ""
        if name in {"referenceAnswer", "studentAnswer"}:
            try:
                record = self._example() if name == "referenceAnswer" else self._rating()
            except InvalidInput as error:
                self._taken.append(report(self._line, error))
            else:
                self._taken.extend(check_each(self._line, [record]))

    def _doctype(self, *_: object) -> None:
        raise InvalidInput("a document type, which may define anything, is not read")

    def _question(self) -> Question:
        return Question(self._texts.get("questionText", ""), DEFAULT_DOMAIN, self._audience)

    def _example(self) -> Record:
        return ImportedExample(self._question(), self._texts["referenceAnswer"])

    def _rating(self) -> Record:
        return ImportedRating(
            self._question(),
            self._texts.get("response", ""),
            stars_of_score(self._texts.get("score", "")),
            _RATER,
            comment=self._texts.get("response_feedback", ""),
        )
