"""scripts/setup-host: which subordinate ids it finds for the workers. Changes nothing on this machine."""
import pathlib
import re
import subprocess
import tempfile
import unittest

SCRIPT = pathlib.Path(__file__).parents[3] / "scripts" / "setup-host"
WHOLE = "         0          0 4294967295\n"


def gaps(subordinate="", accounts="", ids=WHOLE):
    """The ranges that the script would add, as (first, count)."""
    text = SCRIPT.read_text()
    settings = "\n".join(re.findall(r"^(?:range|wide_first|wide_last)=.*$", text, re.MULTILINE))
    function = re.search(r"^wide_gaps\(\) \{.*?^\}", text, re.MULTILINE | re.DOTALL)[0]
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for name, content in (("subuid", subordinate), ("accounts", accounts), ("map", ids)):
            (folder / name).write_text(content)
        program = (f"set -euo pipefail\n{settings}\n{function}\ngetent() {{ cat {folder}/accounts; }}\n"
                   f"wide_gaps {folder}/subuid passwd {folder}/map")
        result = subprocess.run(["bash", "-c", program], capture_output=True, text=True, check=True)
    return [tuple(int(number) for number in line.split(":")) for line in result.stdout.split()]


class WideIdsTest(unittest.TestCase):
    def test_all_of_the_upper_half_where_nobody_has_any_of_it(self):
        self.assertEqual(gaps("crossmill:131072:65536\n", "root:x:0:0\n"), [(2147483648, 2147483647)])

    def test_what_was_given_before_is_not_given_again(self):
        self.assertEqual(gaps("crossmill:131072:65536\ncrossmill:2147483648:2147483647\n"), [])

    def test_ids_of_others_are_left_to_them(self):
        self.assertEqual(gaps("other:2147483648:1000\nother:3000000000:10\n", "a:x:2200000000:1\n"),
                         [(2147484648, 52515352), (2200000001, 799999999), (3000000010, 1294967285)])

    def test_gaps_too_small_for_16_bit_ids_are_not_worth_a_line(self):
        self.assertEqual(gaps("other:2147483648:2147400000\n"), [(4294883648, 83647)])
        self.assertEqual(gaps("other:2147483648:2147430000\n"), [])

    def test_in_a_container_there_are_only_its_own_ids(self):
        self.assertEqual(gaps(ids="0 100000 65536\n"), [])
        self.assertEqual(gaps(ids="0 100000 65536\n2500000000 1000000 200000\n"), [(2500000000, 200000)])


if __name__ == "__main__":
    unittest.main()
