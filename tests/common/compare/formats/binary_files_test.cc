// Databases, messages, classes and programs: where two of them differ. files/ has what sqlite3, msgfmt and
// javac made of two inputs.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "common/compare/classifier.h"
#include "common/compare/file_comparison.h"
#include "tests/support/status_matchers.h"

namespace crossmill::compare {
namespace {

std::string FixtureOf(const std::string& name) {
  std::ifstream file(std::string(CROSSMILL_SOURCE_FOLDER) + "/tests/common/compare/formats/files/" + name,
                     std::ios::binary);
  EXPECT_TRUE(file.good()) << name;
  return {std::istreambuf_iterator<char>(file), {}};
}

v1::FileDifference CompareFiles(const std::string& first, const std::string& second) {
  StringContent ours(first), theirs(second);
  auto file = CompareContents("f", ours, theirs, {}, {});
  EXPECT_OK(file);
  return file.ok() ? *file : v1::FileDifference();
}

// "FORMAT" and "INSIDE: PLACE = FIRST | SECOND" of each, a line each; only what is text.
std::string ToldOf(const v1::FileDifference& file) {
  std::string text = file.format() + "\n";
  for (const v1::ContentDifference& each : file.differences()) {
    for (const std::string& part : each.inside()) text += part + ": ";
    text += each.place() + " = " + each.first() + " | " + each.second() +
            (each.derived() ? " (derived)" : "") + "\n";
  }
  return text;
}

// With one byte in the place of another.
std::string WithByte(std::string bytes, size_t at, char byte) {
  bytes.at(at) = byte;
  return bytes;
}

void PutNumber(std::string* bytes, size_t at, uint64_t value, size_t width) {
  for (size_t i = 0; i < width; ++i) bytes->at(at + i) = static_cast<char>(value >> (8 * i) & 0xff);
}

// The least that is a program with a section and a debug directory, laid out as linkers do.
std::string Program(uint32_t time, uint32_t checksum, const std::string& text, const std::string& path,
                    bool reproducible = false) {
  constexpr size_t kPe = 0x80, kOptional = kPe + 24, kTable = kOptional + 240, kText = 0x200, kData = 0x400;
  std::string bytes(0x600, '\0');
  bytes.replace(0, 2, "MZ");
  PutNumber(&bytes, 0x3c, kPe, 4);
  bytes.replace(kPe, 2, "PE");
  PutNumber(&bytes, kPe + 4, 0x8664, 2);
  PutNumber(&bytes, kPe + 6, 2, 2);
  PutNumber(&bytes, kPe + 8, time, 4);
  PutNumber(&bytes, kPe + 20, 240, 2);
  PutNumber(&bytes, kOptional, 0x20b, 2);
  PutNumber(&bytes, kOptional + 64, checksum, 4);
  PutNumber(&bytes, kOptional + 108, 16, 4);
  PutNumber(&bytes, kOptional + 112 + 6 * 8, 0x2000, 4);
  PutNumber(&bytes, kOptional + 112 + 6 * 8 + 4, 2 * 28, 4);
  const auto section = [&](size_t index, const std::string& name, size_t address, size_t offset) {
    const size_t at = kTable + index * 40;
    bytes.replace(at, name.size(), name);
    PutNumber(&bytes, at + 8, 0x200, 4);
    PutNumber(&bytes, at + 12, address, 4);
    PutNumber(&bytes, at + 16, 0x200, 4);
    PutNumber(&bytes, at + 20, offset, 4);
  };
  section(0, ".text", 0x1000, kText);
  section(1, ".rdata", 0x2000, kData);
  bytes.replace(kText, text.size(), text);
  PutNumber(&bytes, kData + 4, time, 4);
  PutNumber(&bytes, kData + 12, 2, 4);
  PutNumber(&bytes, kData + 16, 24 + path.size() + 1, 4);
  PutNumber(&bytes, kData + 24, kData + 0x80, 4);
  PutNumber(&bytes, kData + 28 + 4, time, 4);
  PutNumber(&bytes, kData + 28 + 12, reproducible ? 16 : 12, 4);
  bytes.replace(kData + 0x80, 4, "RSDS");
  PutNumber(&bytes, kData + 0x84, time, 4);
  bytes.replace(kData + 0x80 + 24, path.size(), path);
  return bytes;
}

TEST(BinaryFilesTest, AnSqliteDatabaseIsToldRowByRow) {
  EXPECT_EQ(ToldOf(CompareFiles(FixtureOf("people-1.db"), FixtureOf("people-2.db"))),
            "SQLite\n"
            "table people: row 1, value 3 = 1795791846 | 1795881846\n"
            "table notes: row 1, value 1 = built at 1795791846 | built at 1795881846\n" +
                std::string("page 3 (index by_made): bytes 509 to 511 = ") + std::string(7, '\0') +
                "\x05\x03\x01\x01\xfb\x03\x05\x03\x01\x01\x07\x02\x07\x03\x04\x09k\x09\x9b\xe6 | " +
                std::string(7, '\0') +
                "\x05\x03\x01\x01\xfb\x03\x05\x03\x01\x01\x07\x02\x07\x03\x04\x09k\x0a\xfbv (derived)\n");
}

TEST(BinaryFilesTest, OfAnSqliteDatabaseTheHeaderAndTheFreeBytesAreCompared) {
  const std::string database = FixtureOf("people-1.db");
  EXPECT_EQ(ToldOf(CompareFiles(database, WithByte(database, 27, 77))).substr(0, 60),
            "SQLite\nheader: counter of changes = 5 | 77\n");
  // Between the pointers of a page and its cells: in no row.
  const auto free = CompareFiles(database, WithByte(database, 512 + 100, 'x'));
  ASSERT_EQ(free.differences_size(), 1);
  EXPECT_EQ(free.differences(0).inside(0), "page 2 (table people)");
  EXPECT_FALSE(free.differences(0).derived());
  // The name of a column, in the schema.
  const size_t name = database.find("name TEXT");
  EXPECT_NE(ToldOf(CompareFiles(database, WithByte(database, name, 'g')))
                .find("table sqlite_schema: row 1, value 5 = "),
            std::string::npos);
}

// people has the index by_made; notes has none.
TEST(BinaryFilesTest, OnlyTheIndexOfATableWhoseRowsDifferFollows) {
  const std::string database = FixtureOf("people-1.db");
  const size_t page = 2 * 512;
  const size_t note = database.find("built at 17957");
  ASSERT_NE(note, std::string::npos);
  const std::string other_note = WithByte(database, note, 'B');
  // The last byte of a key in the index.
  const std::string both = WithByte(other_note, page + 511, '\x01');
  const std::string told = ToldOf(CompareFiles(database, both));
  EXPECT_NE(told.find("table notes: row 1, value 1 = built at 1795791846 | Built at 1795791846\n"),
            std::string::npos)
      << told;
  EXPECT_NE(told.find("page 3 (index by_made): byte 511 = "), std::string::npos) << told;
  EXPECT_EQ(told.find("(derived)"), std::string::npos) << told;
}

// A page that is in no tree holds no row that was told.
TEST(BinaryFilesTest, APageOfOneSideAloneFollowsFromNothing) {
  const std::string database = FixtureOf("people-1.db");
  const std::string other_note = WithByte(database, database.find("built at 17957"), 'B');
  const std::string told = ToldOf(CompareFiles(database, other_note + std::string(512, 'x')));
  EXPECT_NE(told.find("page 5: "), std::string::npos) << told;
  EXPECT_EQ(told.find("(derived)"), std::string::npos) << told;
}

TEST(BinaryFilesTest, GettextMessagesAreToldByName) {
  EXPECT_EQ(ToldOf(CompareFiles(FixtureOf("texts-1.mo"), FixtureOf("texts-2.mo"))),
            "gettext\n"
            "header: PO-Revision-Date = PO-Revision-Date: 2026-11-27 15:04+0000 | PO-Revision-Date: "
            "2026-11-28 16:04+0000\n"
            "message 'colour' = Farbe 1 | Farbe 2\n");
}

TEST(BinaryFilesTest, JavaConstantsAreToldAsValues) {
  EXPECT_EQ(ToldOf(CompareFiles(FixtureOf("Built-1.class"), FixtureOf("Built-2.class"))),
            "Java class\n"
            "constants: constant 16 (text) = 1795791846host-1 | 1795881846host-2\n"
            "constants: constant 26 (long) = 1795791846 | 1795881846\n"
            "constants: constant 31 (text) = host-1 | host-2\n");
}

// With the bytes at the only place that has them replaced by as many others.
std::string With(std::string bytes, const std::string& from, const std::string& to) {
  const size_t at = bytes.find(from);
  EXPECT_NE(at, std::string::npos);
  EXPECT_EQ(bytes.find(from, at + 1), std::string::npos);
  return bytes.replace(at, to.size(), to);
}

// Constants of Calls.class: 23 is the method Calls.one, of name and type 25; 32 is Calls.two, of 33.
const std::string kOne("\x0a\0\x18\0\x19", 5), kTwo("\x0a\0\x18\0\x21", 5);
const std::string kCallsOne("\xb8\0\x17", 3), kCallsTwo("\xb8\0\x20", 3);

// The same bytes in each other's place.
std::string Swapped(const std::string& bytes, const std::string& one, const std::string& other) {
  const std::string none(one.size(), '?');
  return With(With(With(bytes, one, none), other, one), none, other);
}

// The places of what does not only follow.
std::vector<std::string> Roots(const v1::FileDifference& file) {
  std::vector<std::string> roots;
  for (const v1::ContentDifference& each : file.differences()) {
    if (each.derived()) continue;
    roots.push_back((each.inside_size() > 0 ? each.inside(0) + ": " : "") + each.place());
  }
  return roots;
}

// The other texts of the class end otherwise.
std::string BuiltOtherwise(const std::string& calls) {
  return With(calls, std::string("\x01\0\x07", 3) + "built 1", std::string("\x01\0\x07", 3) + "built 2");
}

const std::string kBuilt = "constants: constant 39 (text)";

TEST(BinaryFilesTest, AnotherMethodThatAClassNamesFollowsFromNoOtherText) {
  const std::string calls = FixtureOf("Calls.class");
  EXPECT_EQ(Roots(CompareFiles(calls, With(BuiltOtherwise(calls), kOne, kTwo))),
            (std::vector<std::string>{"constants: constant 23 (reference)", kBuilt}));
}

TEST(BinaryFilesTest, ReferencesToTextsThatMovedFollow) {
  const std::string calls = FixtureOf("Calls.class");
  // The names of both methods stand in each other's place, and what names them for calls goes along.
  const std::string names = Swapped(calls, std::string("\x01\0\x03one", 6), std::string("\x01\0\x03two", 6));
  const std::string moved =
      Swapped(names, std::string("\x0c\0\x1b\0\x1c", 5), std::string("\x0c\0\x22\0\x1c", 5));
  const auto file = CompareFiles(calls, moved);
  EXPECT_EQ(Roots(file),
            (std::vector<std::string>{"constants: constant 27 (text)", "constants: constant 34 (text)",
                                      "method one()I: flags and name", "method two()I: flags and name"}));
  const std::string told = ToldOf(file);
  EXPECT_NE(told.find("constant 25 (reference)"), std::string::npos) << told;
  EXPECT_NE(told.find("constant 33 (reference)"), std::string::npos) << told;
}

TEST(BinaryFilesTest, CodeFollowsOnlyWhereItMeansTheSame) {
  const std::string calls = FixtureOf("Calls.class");
  const std::string main = "method main([Ljava/lang/String;)V: ";
  // What names both methods stands in each other's place, and the code goes along.
  const std::string constants = Swapped(BuiltOtherwise(calls), kOne, kTwo);
  const std::string moved = Swapped(constants, kCallsOne, kCallsTwo);
  std::vector<std::string> roots = {"constants: constant 23 (reference)",
                                    "constants: constant 32 (reference)", kBuilt};
  EXPECT_EQ(Roots(CompareFiles(calls, moved)), roots);
  EXPECT_NE(ToldOf(CompareFiles(calls, moved)).find(main), std::string::npos);
  // Beside that an instruction: pop becomes nop.
  const std::string changed = With(moved, kCallsOne + "\x57", kCallsOne + std::string(1, '\0'));
  const auto with_code = Roots(CompareFiles(calls, changed));
  ASSERT_GT(with_code.size(), roots.size());
  EXPECT_TRUE(with_code.back().starts_with(main)) << with_code.back();
  // Both calls are of one method then.
  const auto with_call = Roots(CompareFiles(calls, With(moved, kCallsTwo, kCallsOne)));
  ASSERT_GT(with_call.size(), roots.size());
  EXPECT_TRUE(with_call.back().starts_with(main)) << with_call.back();
}

// With one constant more, which nobody names, at the end of them: the class is of 60 constants then.
std::string WithConstant(const std::string& calls) {
  const size_t end = calls.find(std::string("\0\x21\0\x18\0\x02\0\0", 8));
  EXPECT_NE(end, std::string::npos);
  std::string more = calls.substr(0, end) + std::string("\x04\x40\x60\0\0", 5) + calls.substr(end);
  more[9] = static_cast<char>(more[9] + 1);
  return more;
}

TEST(BinaryFilesTest, UnderOtherConstantsAllElseIsComparedToo) {
  const std::string calls = FixtureOf("Calls.class");
  const std::string more = WithConstant(calls);
  const std::string added = "constants: constant (float)", main = "method main([Ljava/lang/String;)V: ";
  EXPECT_EQ(Roots(CompareFiles(calls, more)), (std::vector<std::string>{added}));
  EXPECT_FALSE(CompareFiles(calls, more).incomplete());
  // Where two constants moved and the code went along, it means the same.
  const std::string moved = Swapped(Swapped(more, kOne, kTwo), kCallsOne, kCallsTwo);
  EXPECT_EQ(Roots(CompareFiles(calls, moved)), (std::vector<std::string>{added}));
  // The same bytes of the code call another method, and other bytes do another thing.
  const std::string other_call = ToldOf(CompareFiles(calls, With(more, kOne, kTwo)));
  EXPECT_NE(other_call.find(
                main + "attribute Code: constant that it names, number 5 = Calls one ()I | Calls two ()I\n"),
            std::string::npos)
      << other_call;
  EXPECT_NE(ToldOf(CompareFiles(calls, With(more, kCallsTwo + "\x57", kCallsTwo + std::string(1, '\0'))))
                .find(main + "attribute Code: byte "),
            std::string::npos);
}

TEST(BinaryFilesTest, AnAttributeOfAJavaMethodIsToldByName) {
  const std::string built = FixtureOf("Built-1.class");
  // The last attribute of the class is SourceFile with an index, the method before it has code.
  const std::string told = ToldOf(CompareFiles(built, WithByte(built, built.size() - 1, 1)));
  EXPECT_TRUE(told.starts_with("Java class\nattribute SourceFile: byte 1")) << told;
  const size_t code = built.rfind(std::string("\xb6", 1));
  const std::string of_method = ToldOf(CompareFiles(built, WithByte(built, code, '\xb7')));
  EXPECT_TRUE(of_method.starts_with("Java class\nmethod main([Ljava/lang/String;)V: attribute Code: byte"))
      << of_method;
}

TEST(BinaryFilesTest, TimesOfAProgramAreToldAndItsChecksumFollows) {
  const std::string told = ToldOf(CompareFiles(Program(1795791846, 5, "code", "C:\\a\\x.pdb"),
                                               Program(1795881846, 6, "code", "C:\\b\\x.pdb")));
  EXPECT_TRUE(
      told.starts_with("PE\n"
                       "header: TimeDateStamp = 1795791846 | 1795881846\n"
                       "header: CheckSum = 5 | 6 (derived)\n"
                       "debug directory: TimeDateStamp = 1795791846 | 1795881846\n"
                       "debug directory: identity of the debug information = "))
      << told;
  EXPECT_NE(told.find("debug directory: path of the debug information = C:\\a\\x.pdb | C:\\b\\x.pdb\n"),
            std::string::npos)
      << told;
}

TEST(BinaryFilesTest, TimesThatAreHashesFollowFromTheCode) {
  const std::string told = ToldOf(CompareFiles(Program(1795791846, 5, "code", "a.pdb", true),
                                               Program(95881846, 6, "kode", "a.pdb", true)));
  EXPECT_NE(told.find("header: TimeDateStamp = 1795791846 | 95881846 (derived)\n"), std::string::npos)
      << told;
  EXPECT_NE(told.find("section .text: byte 0 = "), std::string::npos) << told;
  EXPECT_EQ(told.find("section .rdata"), std::string::npos) << told;
  // A checksum alone follows from nothing.
  EXPECT_EQ(ToldOf(CompareFiles(Program(7, 5, "code", "a"), Program(7, 6, "code", "a"))),
            "PE\nheader: CheckSum = 5 | 6\n");
}

// Whatever is damaged: it ends, something is told, and it is no more than the limits.
void ExpectTold(const std::string& first, const std::string& second) {
  const auto file = CompareFiles(first, second);
  EXPECT_TRUE(file.differences_size() > 0 || file.incomplete()) << first.size();
  EXPECT_LE(file.differences_size(), 64);
}

TEST(BinaryFilesTest, DamagedFilesAreComparedAllTheSame) {
  for (const char* name : {"people-1.db", "texts-1.mo", "Built-1.class"}) {
    const std::string whole = FixtureOf(name);
    for (size_t at = 0; at < whole.size(); ++at) {
      ExpectTold(whole, whole.substr(0, at));
      for (const char byte : {'\0', '\x01', '\x7f', '\xff'}) {
        if (whole[at] != byte) ExpectTold(whole, WithByte(whole, at, byte));
      }
    }
  }
  const std::string program = Program(7, 5, "code", "a");
  for (size_t at = 0; at < program.size(); ++at) {
    ExpectTold(program, program.substr(0, at));
    if (program[at] != '\xff') ExpectTold(program, WithByte(program, at, '\xff'));
  }
}

TEST(BinaryFilesTest, TextsThatLieOverEachOtherAreNoMessages) {
  // 60,000 messages, each of them the whole file.
  constexpr uint32_t kCount = 60'000;
  std::string file(28 + size_t{kCount} * 16, '\0');
  PutNumber(&file, 0, 0x950412de, 4);
  PutNumber(&file, 8, kCount, 4);
  PutNumber(&file, 12, 28, 4);
  PutNumber(&file, 16, 28 + kCount * 8, 4);
  for (uint32_t i = 0; i < 2 * kCount; ++i) PutNumber(&file, 28 + size_t{i} * 8, file.size(), 4);
  EXPECT_EQ(CompareFiles(file, WithByte(file, 4, 1)).format(), "binary");
}

TEST(BinaryFilesTest, AnSqliteTreeThatLeadsBackToItselfIsNone) {
  std::string database = FixtureOf("people-1.db");
  // Page 2 becomes an inner page whose right child is page 2.
  database[512] = 5;
  PutNumber(&database, 512 + 3, 0, 2);
  database.replace(512 + 8, 4, std::string("\0\0\0\2", 4));
  EXPECT_EQ(CompareFiles(database, WithByte(database, 600, 'x')).format(), "binary");
}

}  // namespace
}  // namespace crossmill::compare
