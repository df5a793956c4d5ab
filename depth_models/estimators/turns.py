"""Two estimators that take turns, a quick one and a thorough one: whose turn it is, by the time there is."""

from depth_models.estimators.prepared import ROOM_TO_GROW

SHORTEST, LONGEST = 1.5, 24.0  # s: pauses, each twice the one before
LONG_ENOUGH = 3.0  # s, that the thorough one went well


class Turns:
    """The thorough one where it makes the deadline; it has to fit with room before its turn comes.

    If it soon was too slow again it is tried less often: what it takes is known, but not what answers so
    late do to the time that later frames get.
    """

    def __init__(self) -> None:
        self.thorough = False  # whose turn it was, of what had a deadline
        self._since = float('-inf')  # when that began [s on the clock]
        self._pause = 0.0  # s: how long the thorough one is left alone once it was too slow

    def decide(self, now: float, needed: float, deadline: float) -> bool:
        """Whether it is the thorough one's turn.

        now, deadline: on the clock [s]. needed: what it will hardly exceed [s]; inf where it cannot be.
        """
        if self.thorough:
            pays = now + needed <= deadline
        else:  # or they would swing
            pays = now >= self._since + self._pause and now + ROOM_TO_GROW * needed <= deadline
        if pays != self.thorough:
            if not pays:
                lasted = now - self._since
                self._pause = min(max(2 * self._pause, SHORTEST), LONGEST) if lasted < LONG_ENOUGH else 0.0
            self.thorough, self._since = pays, now
        return pays
