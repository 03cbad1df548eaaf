"""What a reviewer overruled does not count: of ratings, in statements that read them as they are now."""


def not_overruled(rating: str) -> str:
    """In SQL, of the rating whose row a statement calls so, by what was decided of it last.

    A ban is of its rater: what was decided of the rating before holds beside it.
    """
    return f"""
        (SELECT v.verdict FROM feedback_reviews v WHERE v.rating_id = {rating}.id AND v.verdict <> 'banned'
         ORDER BY v.id DESC LIMIT 1) IS DISTINCT FROM 'overruled'
    """  # noqa: S608  (the name is the code's own)
