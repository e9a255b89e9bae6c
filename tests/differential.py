"""What Python says: the first argument is the question, the second a file; the answer is JSON."""

import csv
import decimal
import io
import json
import sys

ROUNDINGS = {
    "half_up": decimal.ROUND_HALF_UP,
    "half_even": decimal.ROUND_HALF_EVEN,
    "up": decimal.ROUND_UP,
    "down": decimal.ROUND_DOWN,
    "floor": decimal.ROUND_FLOOR,
    "ceiling": decimal.ROUND_CEILING,
}


def rows(path, options):
    """The rows of a CSV file."""
    text = open(path, encoding=options.get("encoding", "utf-8"), newline="")
    return list(csv.reader(text, delimiter=options.get("delimiter", ",")))


def decoded():
    """Every pair of bytes that is one character in cp932, and the character."""
    pairs = []
    for lead in range(0x81, 0xFD):
        for trail in range(0x40, 0xFD):
            try:
                text = bytes([lead, trail]).decode("cp932")
            except UnicodeDecodeError:
                continue
            if len(text) == 1:
                pairs.append([lead, trail, ord(text)])
    return pairs


def encoded():
    """Every character outside ASCII that cp932 has, and its bytes in hexadecimal."""
    characters = {}
    for number in range(0xA1, 0x10000):
        if 0xD800 <= number < 0xE000:
            continue
        try:
            characters[number] = chr(number).encode("cp932").hex()
        except UnicodeEncodeError:
            continue
    return characters


def rounded(path):
    """Each number of a JSON list by each rule and number of places: its text, or null where it is refused."""
    # As many digits as it takes: the digits of these are whole numbers of Python, which have no bounds.
    decimal.getcontext().prec = 10_000
    question = json.load(open(path, encoding="utf-8"))
    answer = []
    for text in question["numbers"]:
        line = []
        for rule, places in question["columns"]:
            number = decimal.Decimal(text)
            one = decimal.Decimal(1).scaleb(-places)
            kept = number.quantize(one, rounding=ROUNDINGS.get(rule, decimal.ROUND_DOWN))
            digits = int(kept.scaleb(places))
            refused = abs(digits) >= 10**18 or rule == "refuse" and kept != number
            line.append(None if refused else f"{abs(kept) if kept == 0 else kept:f}")
        answer.append(line)
    return answer


def calculated(path):
    """a * b - 3 * a of each pair, and the sum of all, with whole numbers."""
    pairs = json.load(open(path, encoding="utf-8"))

    def thousandths(text):
        return int(decimal.Decimal(text).scaleb(3))

    each = [thousandths(a) * thousandths(b) - 3_000 * thousandths(a) for a, b in pairs]

    def text(number):
        return f"{decimal.Decimal(number).scaleb(-6):.6f}"

    return {"each": [text(number) for number in each], "sum": text(sum(each))}


def main():
    decimal.getcontext().prec = 100
    what, path = sys.argv[1], sys.argv[2]
    options = json.loads(sys.argv[3]) if len(sys.argv) > 3 else {}
    answer = {
        "rows": lambda: rows(path, options),
        "decoded": decoded,
        "encoded": encoded,
        "rounded": lambda: rounded(path),
        "calculated": lambda: calculated(path),
    }[what]()
    json.dump(answer, io.TextIOWrapper(sys.stdout.buffer, encoding="ascii"))


main()
