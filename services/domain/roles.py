"""What an account may do, by its role. Each role may what the ones before it may."""

from enum import StrEnum


class Role(StrEnum):
    """In rising order. A promoter decides what people are answered by, an admin who else may decide."""

    RATER = "rater"
    CURATOR = "curator"
    PROMOTER = "promoter"
    ADMIN = "admin"

    def covers(self, needed: "Role") -> bool:
        """Whether who has this role may do what `needed` may."""
        order = list(Role)
        return order.index(self) >= order.index(needed)
