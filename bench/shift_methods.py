"""Ways to see that a shopper swerves, for comparison: each reads one user's log and marks the events at which it raises an alarm.

All know the same: the categories of her interest events in order, with times, and which of them are deliberate (more than a view); visits
end after a gap of 30 minutes; the short window is what she did in the last 30 minutes of the visit, the long one all before it.
"""

from __future__ import annotations

import math

import numba
import numpy as np

VISIT_GAP_MS = SHORT_MS = 1_800_000
SLOTS = 32.0


@numba.njit(cache=True, nogil=True)
def jensen_shannon(category, time, _deliberate, categories, threshold, release, alarms):  # type: ignore[no-untyped-def]
    """Jensen-Shannon divergence (J. Lin, 1991) of the short window from the long one above a threshold; armed again below `release`."""
    short, long = np.zeros(categories), np.zeros(categories)
    first, armed = 0, True
    for i in range(len(category)):
        if i > 0 and time[i] > time[i - 1] + VISIT_GAP_MS:
            armed = True
        first = _move(category, time, i, first, short, long)
        short[category[i]] += 1
        n, m = short.sum(), long.sum()
        if m < 1:
            continue
        divergence = 0.0
        for k in range(categories):
            p, q = short[k] / n, long[k] / m
            middle = (p + q) / 2
            if p > 0:
                divergence += p * math.log(p / middle) / 2
            if q > 0:
                divergence += q * math.log(q / middle) / 2
        if armed and divergence >= threshold:
            alarms[i] = True
            armed = False
        elif divergence < release:
            armed = True


@numba.njit(cache=True, nogil=True)
def g_test(category, time, _deliberate, categories, threshold, release, alarms):  # type: ignore[no-untyped-def]
    """Likelihood-ratio test (S. S. Wilks, 1938) of the short window against the smoothed long one; armed again below `release`."""
    short, long = np.zeros(categories), np.zeros(categories)
    first, armed = 0, True
    for i in range(len(category)):
        if i > 0 and time[i] > time[i - 1] + VISIT_GAP_MS:
            armed = True
        first = _move(category, time, i, first, short, long)
        short[category[i]] += 1
        n, m = short.sum(), long.sum()
        g = 0.0
        for k in range(categories):
            if short[k] > 0:
                expected = n * (long[k] + 4 / SLOTS) / (m + 4)
                g += 2 * short[k] * math.log(short[k] / expected)
        if armed and m > 0 and g >= threshold:
            alarms[i] = True
            armed = False
        elif g < release:
            armed = True


@numba.njit(cache=True, nogil=True)
def cusum(category, time, _deliberate, categories, share, prior, least, adopt, threshold, alarms):  # type: ignore[no-untyped-def]
    """One-sided CUSUM (E. S. Page, 1954) of "her intent is now k" against "it is the focus", which is adopted in silence."""
    short, long = np.zeros(categories), np.zeros(categories)
    evidence = np.zeros(categories)
    first, focus = 0, -1
    for i in range(len(category)):
        c = category[i]
        if i > 0 and time[i] > time[i - 1] + VISIT_GAP_MS:
            focus = -1
            evidence[:] = 0
        first = _move(category, time, i, first, short, long)
        b = max(least, (long[c] + prior / SLOTS) / (long.sum() + prior))
        step = math.log((share + (1 - share) * b) / ((1 - share) * b))
        if focus < 0:
            evidence[c] += math.log((share + (1 - share) * b) / b)
            if evidence[c] >= adopt:
                focus = c
                evidence[:] = 0
        elif c == focus:
            for k in range(categories):
                if k != c:
                    evidence[k] = max(0.0, evidence[k] - step)
        else:
            evidence[c] += step
            if evidence[c] >= threshold:
                alarms[i] = True
                focus = c
                evidence[:] = 0
        short[c] += 1


@numba.njit(cache=True, nogil=True)
def _move(category, time, i, first, short, long):  # type: ignore[no-untyped-def]
    """Let the events that leave the short window go over to the long one; gives the oldest that stays."""
    while first < i and time[first] <= time[i] - SHORT_MS:
        short[category[first]] -= 1
        long[category[first]] += 1
        first += 1
    return first


@numba.njit(cache=True, nogil=True)
def likelihood_ratio(category, time, deliberate, categories, share, prior, least, act, glance, lead, threshold, alarms):  # type: ignore[no-untyped-def]
    """CUSUM that alarms only if the focus had a lead before the change: the rule of the job in real numbers."""
    short, long = np.zeros(categories), np.zeros(categories)
    own, evidence = np.zeros(categories), np.zeros(categories)
    first, focus = 0, -1
    for i in range(len(category)):
        c = category[i]
        first = _move(category, time, i, first, short, long)
        total = long.sum() + prior
        if i == 0 or time[i] > time[i - 1] + VISIT_GAP_MS:
            evidence[:] = 0
            focus = -1
            for k in range(categories):
                own[k] = math.log((long[k] + prior / SLOTS) / total)
        b = max(least, (long[c] + prior / SLOTS) / total)
        gain = max(0.0, math.log((share + (1 - share) * b) / ((1 - share) * b)) + (act if deliberate[i] else -glance))
        own[c] += gain
        if focus < 0:
            focus = c
        if c == focus or own[c] > own[focus]:
            for k in range(categories):
                if k != c:
                    evidence[k] = max(0.0, evidence[k] - gain)
        if c != focus:
            evidence[c] += gain
            if evidence[c] >= threshold:
                rival = -math.inf
                for k in range(categories):
                    if k != c:
                        rival = max(rival, own[k])
                if rival - (own[c] - evidence[c]) >= lead:
                    alarms[i] = True
                    own[:] = 0
                    own[c] = evidence[c]
                focus = c
                evidence[:] = 0
        short[c] += 1
