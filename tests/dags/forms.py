"""What people may fill in by hand: forms of each DAG, and whether it is taken."""

NEW = "train_new_persona"
ONE = "retrain_persona"
BACK = "rollback_adapter"
ERASE = "erase_rater"
NOBODY = "00000000-0000-0000-0000-000000000000"
FORMS = [
    (NEW, {"slug": "pirate", "display_name": "Pirate"}, True),
    (NEW, {"slug": "pirate", "display_name": "Pirate", "seed_file": "/a/b.jsonl"}, True),
    (NEW, {"slug": "pirate", "display_name": "Pirate", "overrides": ["lora.r=8"]}, True),
    (NEW, {"slug": "pirate", "display_name": "Pirate", "answer_format": "mcq", "word_limit": 0}, True),
    (NEW, {"slug": "pirate", "display_name": "Pirate", "answer_format": "essay"}, False),
    (NEW, {"slug": "pirate", "display_name": "Pirate", "word_limit": -1}, False),
    (NEW, {"slug": "pirate", "display_name": "Pirate", "approval": "I read it"}, True),
    (NEW, {"slug": "pirate", "display_name": "Pirate", "approval": None}, False),
    (NEW, {"display_name": "Pirate"}, False),
    (NEW, {"slug": "../x", "display_name": "Pirate"}, False),
    (NEW, {"slug": "Pirate", "display_name": "Pirate"}, False),
    (NEW, {"slug": "pirate", "display_name": ""}, False),
    (NEW, {"slug": "pirate", "display_name": "Pirate", "overrides": "lora.r=8"}, False),
    (ONE, {"persona": "pirate"}, True),
    (ONE, {}, False),
    (ONE, {"persona": "../x"}, False),
    (BACK, {"persona": "pirate", "reason": "worse on physics"}, True),
    (BACK, {"persona": "pirate", "reason": "worse on physics", "version": 0}, True),
    (BACK, {"persona": "pirate", "reason": "worse on physics", "version": -1}, False),
    (BACK, {"persona": "pirate", "reason": "worse on physics", "version": "two"}, False),
    (BACK, {"persona": "pirate", "reason": ""}, False),
    (BACK, {"persona": "../x", "reason": "worse on physics"}, False),
    (ERASE, {"rater": NOBODY, "reason": "by letter"}, True),
    (ERASE, {"rater": "ann", "reason": "by letter"}, False),
    (ERASE, {"rater": NOBODY, "reason": ""}, False),
]
