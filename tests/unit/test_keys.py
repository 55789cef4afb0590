"""The layout of keys."""

from hypothesis import given
from hypothesis import strategies as st

from udfs.keys import around_user, fallback_key, profile_key, recommendations_key

USERS = st.text(min_size=1)
SURFACES = st.from_regex(r"\A[a-z0-9_-]+\Z")


def test_the_layout_is_the_one_that_front_ends_rely_on() -> None:
    assert recommendations_key("u1", "home") == "rec:{u1}:home"
    assert recommendations_key("u1", "cart", "shop7:") == "shop7:rec:{u1}:cart"
    assert profile_key("u1") == "profile:{u1}"
    assert profile_key("u1", "shop7:") == "shop7:profile:{u1}"
    assert fallback_key("home") == "rec:default:home"
    assert fallback_key("home", 3) == "rec:default:3:home"
    assert fallback_key("home", 1002, "shop7:") == "shop7:rec:default:1002:home"


@given(st.sets(st.tuples(USERS, SURFACES), max_size=20))
def test_no_two_things_share_a_key(things: set[tuple[str, str]]) -> None:
    users = {user for user, _ in things}
    keys = {recommendations_key(*thing) for thing in things} | {profile_key(user) for user in users}
    keys |= {fallback_key(surface, segment) for _, surface in things for segment in (None, 0, 1000)}
    assert len(keys) == len(things) + len(users) + 3 * len({surface for _, surface in things})


@given(USERS.filter(lambda user: not user.startswith("}")), SURFACES)
def test_all_keys_of_a_user_have_one_cluster_tag(user: str, surface: str) -> None:
    def tag(key: str) -> str:
        return key[key.index("{") + 1 : key.index("}")]

    assert tag(recommendations_key(user, surface)) == tag(profile_key(user)) == user.partition("}")[0]


@given(USERS, SURFACES)
def test_a_key_is_its_two_sides_around_the_user(user: str, surface: str) -> None:
    before, behind = around_user(recommendations_key("\0", surface, "p:"))
    assert before + user.encode("utf-8", "surrogatepass") + behind == recommendations_key(user, surface, "p:").encode(
        "utf-8", "surrogatepass"
    )
