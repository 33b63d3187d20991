"""A shop's till: GET /total?price=2&price=3 adds up."""
from flask import Flask, request

app = Flask(__name__)


def total(prices):
    if any(price < 0 for price in prices):
        raise ValueError("a price is negative")
    return round(sum(prices), 2)


@app.get("/total")
def answer():
    try:
        return {"total": total([float(price) for price in request.args.getlist("price")])}
    except ValueError as error:
        return {"error": str(error)}, 400
