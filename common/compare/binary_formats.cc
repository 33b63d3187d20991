// Formats with a header or sections: compiled Python files, ELF.
#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/compare/formats.h"

namespace crossmill::compare {
namespace {

uint64_t Number(std::string_view bytes, size_t at, size_t size, bool little) {
  uint64_t value = 0;
  for (size_t i = 0; i < size; ++i) {
    const size_t index = little ? size - 1 - i : i;
    value = value << 8 | static_cast<unsigned char>(bytes[at + index]);
  }
  return value;
}

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
  const uint64_t table = Number(elf, wide ? 40 : 32, wide ? 8 : 4, little);
  const uint64_t entry = Number(elf, wide ? 58 : 46, 2, little);
  const uint64_t count = Number(elf, wide ? 60 : 48, 2, little);
  const uint64_t names = Number(elf, wide ? 62 : 50, 2, little);
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
    Raw section{Number(elf, at, 4, little), Number(elf, at + 4, 4, little),
                Number(elf, at + (wide ? 24 : 16), wide ? 8 : 4, little),
                Number(elf, at + (wide ? 32 : 20), wide ? 8 : 4, little)};
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
    if (added != nullptr) added->set_derived(have_roots || section.name.starts_with(".note"));
  }
}

}  // namespace

bool IsPyc(std::string_view path, std::string_view bytes) {
  return path.ends_with(".pyc") && bytes.size() > kPycHeader && bytes.substr(2, 2) == "\r\n" &&
         Number(bytes, 4, 4, true) <= 3;
}

void ComparePyc(std::string_view first, std::string_view second, Differences* differences) {
  if (first.substr(0, 8) != second.substr(0, 8)) {
    differences->AddOf("pyc-header", "magic number and flags in the header", first.substr(0, 8),
                       second.substr(0, 8));
  } else if (first.substr(8, 8) != second.substr(8, 8)) {
    const bool by_hash = Number(first, 4, 4, true) != 0;
    const auto field = [&](std::string_view bytes, size_t at) {
      return absl::StrCat(Number(bytes, at, 4, true));
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
  std::set<std::string_view> names, other_names;
  for (const Section& section : ours) names.insert(section.name);
  for (const Section& section : theirs) other_names.insert(section.name);
  for (const std::string_view name : names) {
    if (!other_names.contains(name)) differences->Add(fmt::format("section {}", name), name, "");
  }
  for (const std::string_view name : other_names) {
    if (!names.contains(name)) differences->Add(fmt::format("section {}", name), "", name);
  }
  CompareSections(ours, theirs, /*roots=*/true, false, differences);
  CompareSections(ours, theirs, /*roots=*/false, differences->count() > before, differences);
  if (differences->count() == before) CompareBytes(first, second, differences);
  return absl::OkStatus();
}

}  // namespace crossmill::compare
