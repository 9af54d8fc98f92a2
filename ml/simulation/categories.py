"""The 27 categories of the synthetic marketplace: how often, of which family, mistaken for which.

Codes are those of `product.md`; shares are rounded so that the largest has 13 times the smallest.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Category:
    """`share` is relative; `family` groups categories that share words; `confused_with` names the
    categories that people and models take it for, likeliest first."""

    code: str
    share: float
    family: str
    confused_with: tuple[str, ...]


CATEGORIES: tuple[Category, ...] = (
    Category("10", 37, "books", ("2705", "2403")),
    Category("40", 30, "gaming", ("2462", "2905")),
    Category("50", 20, "gaming", ("60", "2462")),
    Category("60", 10, "gaming", ("2462", "50")),
    Category("1140", 32, "play", ("1180", "1280")),
    Category("1160", 46, "play", ("1281", "1140")),
    Category("1180", 10, "play", ("1140", "1160")),
    Category("1280", 56, "play", ("1281", "1300", "1140")),
    Category("1281", 26, "play", ("1280", "1160")),
    Category("1300", 58, "play", ("1280", "1301")),
    Category("1301", 11, "play", ("1302", "1300")),
    Category("1302", 30, "play", ("1301", "1280")),
    Category("1320", 38, "home", ("1280", "1920")),
    Category("1560", 60, "home", ("2582", "2060")),
    Category("1920", 50, "home", ("2060", "1320")),
    Category("1940", 11, "home", ("2220", "2060")),
    Category("2060", 58, "home", ("1560", "1920")),
    Category("2220", 11, "home", ("1940", "2585")),
    Category("2280", 56, "books", ("2403", "10")),
    Category("2403", 56, "books", ("2280", "10")),
    Category("2462", 17, "gaming", ("40", "60")),
    Category("2522", 58, "home", ("1301", "2403")),
    Category("2582", 31, "garden", ("1560", "2585")),
    Category("2583", 130, "garden", ("2585", "2582")),
    Category("2585", 30, "garden", ("2583", "2582")),
    Category("2705", 33, "books", ("10", "2403")),
    Category("2905", 11, "gaming", ("40", "2462")),
)

BY_CODE: dict[str, Category] = {category.code: category for category in CATEGORIES}

CONFUSABLE: dict[str, tuple[str, ...]] = {
    category.code: category.confused_with for category in CATEGORIES
}
