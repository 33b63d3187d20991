// Formats with a header or sections: compiled Python files, ELF.
#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/compare/formats/byte_numbers.h"
#include "common/compare/formats/formats.h"

namespace crossmill::compare {
namespace {

// ---- pyc: magic, flags, then mtime and size of the source, or its hash (PEP 552) ----

constexpr size_t kPycHeader = 16;

// ---- ELF ----

// Larger sections are compared as bytes: a text costs more than its bytes.
constexpr size_t kMostTexts = 8 << 20;

struct Section {
  std::string name;
  size_t offset = 0;
  std::string_view bytes;
};

// INVALID_ARGUMENT: the section headers are not within the file.
absl::StatusOr<std::vector<Section>> SectionsOf(std::string_view elf) {
  const bool wide = elf[4] == 2;
  const bool little = elf[5] == 1;
  const size_t header = wide ? 64 : 52;
  const absl::Status damaged = absl::InvalidArgumentError("the ELF file is damaged");
  if (elf.size() < header) return damaged;
  const uint64_t table = NumberAt(elf, wide ? 40 : 32, wide ? 8 : 4, little);
  const uint64_t entry = NumberAt(elf, wide ? 58 : 46, 2, little);
  const uint64_t count = NumberAt(elf, wide ? 60 : 48, 2, little);
  const uint64_t names = NumberAt(elf, wide ? 62 : 50, 2, little);
  if (entry != (wide ? 64u : 40u) || names >= count || table > elf.size() ||
      count > (elf.size() - table) / entry) {
    return damaged;
  }
  struct Raw {
    uint64_t name, type, offset, size;
  };
  std::vector<Raw> raw;
  for (uint64_t i = 0; i < count; ++i) {
    const size_t at = table + i * entry;
    Raw section{NumberAt(elf, at, 4, little), NumberAt(elf, at + 4, 4, little),
                NumberAt(elf, at + (wide ? 24 : 16), wide ? 8 : 4, little),
                NumberAt(elf, at + (wide ? 32 : 20), wide ? 8 : 4, little)};
    constexpr uint64_t kNoBits = 8;
    if (section.type == kNoBits) section.size = 0;
    if (section.size > 0 && (section.offset > elf.size() || section.size > elf.size() - section.offset))
      return damaged;
    raw.push_back(section);
  }
  const std::string_view texts = elf.substr(raw[names].size > 0 ? raw[names].offset : 0, raw[names].size);
  std::vector<Section> sections;
  for (const Raw& each : raw) {
    const std::string_view rest = texts.substr(std::min<size_t>(each.name, texts.size()));
    sections.push_back({std::string(rest.substr(0, rest.find('\0'))), each.size > 0 ? each.offset : 0,
                        each.size > 0 ? elf.substr(each.offset, each.size) : std::string_view()});
  }
  return sections;
}

std::set<std::string_view> TextsOf(std::string_view bytes) {
  std::set<std::string_view> texts;
  for (size_t at = 0; at < bytes.size();) {
    const size_t end = std::min(bytes.find('\0', at), bytes.size());
    if (end > at) texts.insert(bytes.substr(at, end - at));
    at = end + 1;
  }
  return texts;
}

// Texts that end in NUL: those that only one side has, paired in their order.
void CompareTexts(std::string_view first, std::string_view second, Differences* differences) {
  const std::set<std::string_view> ours = TextsOf(first);
  const std::set<std::string_view> theirs = TextsOf(second);
  std::vector<std::string_view> mine, yours;
  std::set_difference(ours.begin(), ours.end(), theirs.begin(), theirs.end(), std::back_inserter(mine));
  std::set_difference(theirs.begin(), theirs.end(), ours.begin(), ours.end(), std::back_inserter(yours));
  for (size_t i = 0; i < std::max(mine.size(), yours.size()); ++i) {
    const std::string_view a = i < mine.size() ? mine[i] : std::string_view();
    const std::string_view b = i < yours.size() ? yours[i] : std::string_view();
    if (differences->Add("text", a, b, a.empty() ? 0 : a.data() - first.data(),
                         b.empty() ? 0 : b.data() - second.data()) == nullptr) {
      return;
    }
  }
}

bool HoldsTexts(std::string_view name) {
  return name == ".comment" || name == ".debug_str" || name == ".debug_line_str" || name == ".strtab" ||
         name == ".dynstr" || name == ".rodata" || name == ".rodata.str1.1" || name == ".rodata.str1.8" ||
         name == ".GCC.command.line";
}

// It holds offsets and addresses that move when something else is longer, or a checksum of the rest.
bool Follows(std::string_view name) {
  return name == ".note.gnu.build-id" || name == ".note.go.buildid" || name == ".gnu_debuglink" ||
         name == ".shstrtab" || (name.starts_with(".debug_") && !HoldsTexts(name)) || name == ".symtab" ||
         name.starts_with(".rela") || name.starts_with(".gnu.hash") || name.starts_with(".eh_frame");
}

void CompareSections(const std::vector<Section>& first, const std::vector<Section>& second, bool roots,
                     bool have_roots, Differences* differences) {
  std::map<std::string_view, std::vector<const Section*>> others;
  for (const Section& section : second) others[section.name].push_back(&section);
  std::map<std::string_view, size_t> used;
  for (const Section& section : first) {
    const auto& same_name = others[section.name];
    const size_t index = used[section.name]++;
    if (Follows(section.name) == roots || index >= same_name.size()) continue;
    const std::string_view theirs = same_name[index]->bytes;
    if (section.bytes == theirs) continue;
    const Differences::Part part(*differences, "section " + section.name);
    const int before = differences->count();
    const bool texts =
        HoldsTexts(section.name) && std::max(section.bytes.size(), theirs.size()) <= kMostTexts;
    if (roots && texts) CompareTexts(section.bytes, theirs, differences);
    if (differences->count() > before) continue;
    if (roots) {
      CompareBytes(section.bytes, theirs, differences);
      continue;
    }
    v1::ContentDifference* added = differences->Add("bytes", section.bytes, theirs);
    // The link to debug information has the checksum of another file.
    const bool checksum = section.name.starts_with(".note") || section.name == ".gnu_debuglink";
    if (added != nullptr) added->set_derived(have_roots || checksum);
  }
}

// Sections that one side alone has. As many of both sides stand for each other: a compiler drew their names.
void CompareSectionNames(const std::vector<Section>& first, const std::vector<Section>& second,
                         Differences* differences) {
  std::set<std::string_view> ours, theirs;
  for (const Section& section : first) ours.insert(section.name);
  for (const Section& section : second) theirs.insert(section.name);
  std::vector<const Section*> mine, yours;
  for (const Section& section : first) {
    if (!theirs.contains(section.name)) mine.push_back(&section);
  }
  for (const Section& section : second) {
    if (!ours.contains(section.name)) yours.push_back(&section);
  }
  const bool pairs = mine.size() == yours.size();
  // What is in them is not compared.
  if (!mine.empty() || !yours.empty()) differences->SetIncomplete();
  for (size_t i = 0; i < mine.size(); ++i)
    differences->Add("name of a section", mine[i]->name, pairs ? yours[i]->name : std::string_view());
  for (size_t i = 0; !pairs && i < yours.size(); ++i)
    differences->Add("name of a section", "", yours[i]->name);
}

// The same symbols in another order: what was linked came in another order.
bool AddSymbolOrder(const std::vector<Section>& first, const std::vector<Section>& second,
                    Differences* differences) {
  const auto symbols = [](const std::vector<Section>& sections) {
    const auto found = std::find_if(sections.begin(), sections.end(),
                                    [](const Section& each) { return each.name == ".strtab"; });
    return found == sections.end() ? std::string_view() : found->bytes;
  };
  const std::string_view ours = symbols(first), theirs = symbols(second);
  if (ours == theirs || ours.size() != theirs.size() || TextsOf(ours) != TextsOf(theirs)) return false;
  const size_t at =
      static_cast<size_t>(std::mismatch(ours.begin(), ours.end(), theirs.begin()).first - ours.begin());
  const size_t begin = ours.rfind('\0', at) + 1;
  const Differences::Part part(*differences, "section .strtab");
  const auto name = [](std::string_view from) { return from.substr(0, from.find('\0')); };
  return differences->AddOf("order", "order of the symbols", name(ours.substr(begin)),
                            name(theirs.substr(begin)), static_cast<int64_t>(begin),
                            static_cast<int64_t>(begin)) != nullptr;
}

// ---- GCOV: magic, version, stamp ----

constexpr size_t kGcovStamp = 8;
constexpr size_t kGcovHeader = 12;

}  // namespace

bool IsGcov(std::string_view bytes) {
  const std::string_view magic = bytes.substr(0, 4);
  return bytes.size() >= kGcovHeader &&
         (magic == "oncg" || magic == "adcg" || magic == "gcno" || magic == "gcda");
}

void CompareGcov(std::string_view first, std::string_view second, Differences* differences) {
  if (first.substr(kGcovStamp, 4) != second.substr(kGcovStamp, 4)) {
    differences->AddOf("random", "stamp that gcc draws for a coverage file", first.substr(kGcovStamp, 4),
                       second.substr(kGcovStamp, 4), kGcovStamp, kGcovStamp);
  }
  if (first.substr(0, kGcovStamp) != second.substr(0, kGcovStamp) ||
      first.substr(kGcovHeader) != second.substr(kGcovHeader)) {
    const Differences::Part part(*differences, "records");
    CompareBytes(first.substr(kGcovHeader), second.substr(kGcovHeader), differences);
    if (first.substr(0, kGcovStamp) != second.substr(0, kGcovStamp))
      differences->Add("magic and version", first.substr(0, kGcovStamp), second.substr(0, kGcovStamp));
  }
}

bool IsPyc(std::string_view path, std::string_view bytes) {
  return path.ends_with(".pyc") && bytes.size() > kPycHeader && bytes.substr(2, 2) == "\r\n" &&
         NumberAt(bytes, 4, 4, true) <= 3;
}

void ComparePyc(std::string_view first, std::string_view second, Differences* differences) {
  if (first.substr(0, 8) != second.substr(0, 8)) {
    differences->AddOf("pyc-header", "magic number and flags in the header", first.substr(0, 8),
                       second.substr(0, 8));
  } else if (first.substr(8, 8) != second.substr(8, 8)) {
    const bool by_hash = NumberAt(first, 4, 4, true) != 0;
    const auto field = [&](std::string_view bytes, size_t at) {
      return absl::StrCat(NumberAt(bytes, at, 4, true));
    };
    if (by_hash) {
      v1::ContentDifference* added = differences->AddOf("pyc-header", "hash of the source in the header",
                                                        first.substr(8, 8), second.substr(8, 8), 8, 8);
      // Another source has other code and, for that, another hash.
      if (added != nullptr) added->set_derived(first.substr(kPycHeader) != second.substr(kPycHeader));
    } else if (first.substr(8, 4) != second.substr(8, 4)) {
      differences->AddOf("pyc-header", "time of the source in the header", field(first, 8), field(second, 8),
                         8, 8);
    }
    if (!by_hash && first.substr(12, 4) != second.substr(12, 4)) {
      differences->AddOf("pyc-header", "size of the source in the header", field(first, 12),
                         field(second, 12), 12, 12);
    }
  }
  if (first.substr(kPycHeader) == second.substr(kPycHeader)) return;
  const Differences::Part part(*differences, "code");
  CompareBytes(first.substr(kPycHeader), second.substr(kPycHeader), differences);
}

bool IsElf(std::string_view bytes) {
  return bytes.size() >= 52 &&
         bytes.starts_with(
             "\x7f"
             "ELF") &&
         (bytes[4] == 1 || bytes[4] == 2) && (bytes[5] == 1 || bytes[5] == 2);
}

absl::Status CompareElf(std::string_view first, std::string_view second, Differences* differences) {
  ASSIGN_OR_RETURN(const std::vector<Section> ours, SectionsOf(first));
  ASSIGN_OR_RETURN(const std::vector<Section> theirs, SectionsOf(second));
  const int before = differences->count();
  CompareSectionNames(ours, theirs, differences);
  if (AddSymbolOrder(ours, theirs, differences)) {
    // What the linker put elsewhere follows.
    const int ordered = differences->count();
    CompareSections(ours, theirs, /*roots=*/true, false, differences);
    CompareSections(ours, theirs, /*roots=*/false, true, differences);
    differences->MarkDerived(ordered);
    return absl::OkStatus();
  }
  CompareSections(ours, theirs, /*roots=*/true, false, differences);
  CompareSections(ours, theirs, /*roots=*/false, differences->count() > before, differences);
  if (differences->count() == before) CompareBytes(first, second, differences);
  return absl::OkStatus();
}

}  // namespace crossmill::compare
