import pytest

from shop import app, total


def test_prices_are_added():
    assert total([1.1, 2.2]) == 3.3


def test_a_negative_price_is_refused():
    with pytest.raises(ValueError):
        total([-1])


def test_the_service_answers():
    assert app.test_client().get("/total?price=2&price=3").json == {"total": 5}
