#!/usr/bin/env python3
"""scripts/accelerator_identity.py: a cross compiler's program gets the native one's folders and version, or an error says why not.

Run by ctest, on made-up programs: what is in Debian's is tried by scripts/make-accelerators itself, which stops at anything else.
"""
import pathlib
import struct
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "scripts"))
import accelerator_identity as identity  # noqa: E402

BIAS = 0x400000
TARGET, VERSION = "aarch64-linux-gnu", "12"
CONFIGURE = b"../src/configure -v --with-pkgversion=something --and-much-more"
HEADERS = 64 + 56


def program(texts, version, code=b""):
    """An ELF program at a fixed address with one segment: code, then texts, each with a zero byte around it."""
    body = code + b"\0" + b"\0".join(texts + [version, CONFIGURE]) + b"\0"
    header = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01", 2, 62, 1, 0, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, BIAS, BIAS, HEADERS + len(body), HEADERS + len(body), 4096)
    return bytearray(header + segment + body)


def loads(address, opcode=b"\xbe"):
    return opcode + struct.pack("<I", address)


def texts_of(side):
    return [pair[side] for pair in identity.folder_changes(TARGET, VERSION)]


class FoldersTest(unittest.TestCase):
    def test_every_folder_becomes_the_native_one_in_its_place(self):
        data, native = program(texts_of(0), b"(Debian 1) "), program(texts_of(1), b"(Debian 1) ")
        size, changes = len(data), []
        identity.replace_folders(data, native, TARGET, VERSION, changes)
        self.assertEqual(len(data), size)
        self.assertNotIn(b"gcc-cross", data)
        for text in texts_of(1):
            self.assertEqual(len(identity.occurrences(data, text)), 1, text)
        self.assertEqual(len(changes), len(texts_of(1)))

    def test_a_folder_that_the_native_program_has_not_is_an_error(self):
        data, native = program(texts_of(0), b"(Debian 1) "), program(texts_of(1)[1:], b"(Debian 1) ")
        with self.assertRaisesRegex(identity.IdentityError, "occurs 1 times"):
            identity.replace_folders(data, native, TARGET, VERSION, [])

    def test_a_program_with_the_highest_byte_first_may_have_a_number_before_a_folder(self):
        folder = b"/usr/lib/gcc/s390x-linux-gnu/12/include"
        self.assertEqual(identity.occurrences(b"x\0" + struct.pack(">Q", 0x20) + folder + b"\0", folder), [10])
        for before in (b"-I", struct.pack(">Q", 0x20)[1:], b"\0/some" + bytes(3) + b"x"):
            self.assertEqual(identity.occurrences(b"x" + before + folder + b"\0", folder), [], before)

    def test_a_folder_that_is_not_known_is_an_error(self):
        more = [b"/usr/lib/gcc-cross/aarch64-linux-gnu/12/new"]
        with self.assertRaisesRegex(identity.IdentityError, "left in the program"):
            identity.replace_folders(program(texts_of(0) + more, b"x"), program(texts_of(1), b"x"), TARGET, VERSION, [])


class JumpTest(unittest.TestCase):
    BEFORE, AFTER = b"\x83\xf9\x05", b"\x41\x81\xff"
    JUMP = b"\x0f\x85\x0d\x0a\x00\x00"

    def test_the_one_between_is_always_taken_to_the_same_place(self):
        data, changes = bytearray(b"before" + self.JUMP + self.BEFORE + self.JUMP + self.AFTER + self.JUMP), []
        identity.always_jump(data, self.BEFORE, self.AFTER, changes)
        # The distance counts from the end of the instruction, which is where it was.
        self.assertEqual(data, b"before" + self.JUMP + self.BEFORE + b"\x90\xe9\x0d\x0a\x00\x00" + self.AFTER + self.JUMP)
        self.assertEqual(len(changes), 1)

    def test_none_or_two_are_an_error(self):
        for data in (b"", self.BEFORE + self.AFTER, (self.BEFORE + self.JUMP + self.AFTER) * 2):
            with self.assertRaisesRegex(identity.IdentityError, "jumps"):
                identity.always_jump(bytearray(data), self.BEFORE, self.AFTER, [])


class VersionTest(unittest.TestCase):
    OWN, NATIVE = b"(Debian 12.2.0-14) ", b"(Debian 12.2.0-14+deb12u1) "

    def cross(self, opcode=b"\xbe", uses=2):
        place = 0
        for _ in range(2):  # The text's place depends on the code's size only.
            data = program([b"before"], self.OWN, b"".join(loads(BIAS + place, opcode) for _ in range(uses)))
            place = data.find(self.OWN)
        return data

    def test_every_instruction_loads_the_longer_text(self):
        data, changes = self.cross(), []
        identity.replace_version(data, program([], self.NATIVE), changes)
        room = data.find(self.NATIVE + b"\0")
        self.assertGreater(room, 0)
        self.assertEqual(data.count(loads(BIAS + room)), 2)
        self.assertEqual(changes[0]["to"], self.NATIVE.decode())

    def test_equal_versions_change_nothing(self):
        data = self.cross()
        before = bytes(data)
        identity.replace_version(data, program([], self.OWN), [])
        self.assertEqual(bytes(data), before)

    def test_unknown_uses_are_an_error(self):
        for data, what in ((self.cross(opcode=b"\x00"), "unknown way"), (self.cross(uses=0), "nothing uses")):
            with self.assertRaisesRegex(identity.IdentityError, what):
                identity.replace_version(data, program([], self.NATIVE), [])

    def test_no_room_is_an_error(self):
        long = b"(Debian " + b"9" * len(CONFIGURE) + b") "
        with self.assertRaisesRegex(identity.IdentityError, "no room"):
            identity.replace_version(self.cross(), program([], long), [])


class TextTest(unittest.TestCase):
    def test_a_text_that_is_not_there_or_there_twice_is_an_error(self):
        for data in (b"none", b"abc abc"):
            with self.assertRaises(identity.IdentityError):
                identity.replace_text(bytearray(data), b"abc", b"x", [])

    def test_a_longer_one_is_an_error(self):
        with self.assertRaisesRegex(identity.IdentityError, "longer"):
            identity.replace_text(bytearray(b"abc"), b"abc", b"abcd", [])

    def test_a_shorter_one_ends_where_it_ends(self):
        data = bytearray(b"-abc-abc-")
        identity.replace_text(data, b"abc", b"x", [], everywhere=True)
        self.assertEqual(bytes(data), b"-x\0\0-x\0\0-")


if __name__ == "__main__":
    unittest.main()
