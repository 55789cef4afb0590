"""The numbers of `docs/semantics.md`. A unit test holds them against the tables of the page."""

MASK64 = (1 << 64) - 1

SHORT_PANE, SHORT_PANES = 300_000, 6
LONG_PANE, LONG_PANES = 604_800_000, 4
VISIT_GAP = 1_800_000
CART_DELAY = 600_000

ITEMS = 12
BOUGHT = 8
CATEGORIES = 10
SEEN = 64
GROUPS = 10

INTENT_SHARE = 0.6
TASTE_PRIOR = 8
TASTE_SLOTS = 32
LEAST_SHARE = 0.08
GLANCE, ACT = -77, 768
LEAD = 1792
SHIFT_AT = 2304
EVIDENCE_MAX = 32_767

COLD_START = 1000
WARM_FROM = 5

TOO_LARGE = 1_000_000
FUTURE = 60_000
YEAR_2000 = 946_684_800_000

REASON_EVENT, REASON_SHIFT, REASON_CART, REASON_PURCHASE, REASON_NTH, REASON_DEADLINE = 1, 2, 4, 8, 16, 32

#: event_name → (kind, count group, counts as interest, goes to the item ring)
KINDS: dict[str, tuple[int, int, bool, bool]] = {
    "other": (0, 0, False, False),
    "page_view": (1, 0, False, False),
    "view_item_list": (2, 1, False, False),
    "select_item": (3, 1, True, True),
    "view_item": (4, 2, True, True),
    "search": (5, 3, True, False),
    "add_to_wishlist": (6, 4, True, True),
    "add_to_cart": (7, 5, True, True),
    "remove_from_cart": (8, 6, False, False),
    "view_cart": (9, 7, False, False),
    "begin_checkout": (10, 7, False, False),
    "add_shipping_info": (11, 7, False, False),
    "add_payment_info": (12, 7, False, False),
    "purchase": (13, 8, True, True),
    "refund": (14, 9, False, False),
    "view_promotion": (15, 1, False, False),
    "select_promotion": (16, 1, False, False),
}

DEVICES = ("unknown", "desktop", "mobile", "tablet", "other")
