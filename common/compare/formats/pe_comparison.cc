// Programs and libraries of Windows (PE): the times and identities that linkers write into headers and
// directories, and the sections without them.
#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/base/status.h"
#include "common/compare/formats/byte_numbers.h"
#include "common/compare/formats/formats.h"

namespace crossmill::compare {
namespace {

constexpr size_t kDosHeader = 64;
constexpr size_t kCoffHeader = 24;  // with the signature before it
constexpr size_t kSectionHeader = 40;
constexpr size_t kDebugEntry = 28;
constexpr uint64_t kMostSections = 1000;
constexpr uint64_t kMostDebugEntries = 64;
constexpr uint64_t kCodeView = 2;
constexpr uint64_t kReproducible = 16;

struct PeSection {
  std::string name;
  uint64_t address = 0;
  uint64_t virtual_size = 0;
  uint64_t offset = 0;
  uint64_t size = 0;
};

// Something that linkers write, at its place.
struct PeField {
  std::string inside;
  std::string place;
  size_t offset = 0;
  size_t size = 0;
  // A number: told in digits.
  bool number = false;
  // It is computed from the rest of the file.
  bool of_the_rest = false;
};

struct PeFile {
  std::vector<PeSection> sections;
  std::vector<PeField> fields;
  // Where the headers end.
  size_t headers = 0;
};

absl::Status DamagedPe() { return absl::InvalidArgumentError("the PE file is damaged"); }

size_t PeHeaderAt(std::string_view bytes) { return NumberAt(bytes, 0x3c, 4, true); }

// Reads one file. Used once.
class PeReader {
 public:
  explicit PeReader(std::string_view bytes) : bytes_(bytes), at_(PeHeaderAt(bytes)) {}

  absl::StatusOr<PeFile> Read() {
    const uint64_t sections = Number(at_ + 6, 2), optional = Number(at_ + 20, 2);
    const size_t begin = at_ + kCoffHeader;
    if (sections > kMostSections || !Holds(begin, optional)) return DamagedPe();
    const size_t table = begin + optional;
    if (!Holds(table, sections * kSectionHeader)) return DamagedPe();
    file_.headers = table + sections * kSectionHeader;
    file_.fields.push_back({"header", "TimeDateStamp", at_ + 8, 4, true, false});
    for (uint64_t i = 0; i < sections; ++i) RETURN_IF_ERROR(ReadSection(table + i * kSectionHeader));
    RETURN_IF_ERROR(ReadOptionalHeader(begin, optional));
    // With an entry that says so times and identities are hashes of the rest.
    for (PeField& field : file_.fields) field.of_the_rest = field.of_the_rest || reproducible_;
    return std::move(file_);
  }

 private:
  bool Holds(uint64_t at, uint64_t size) const { return at <= bytes_.size() && size <= bytes_.size() - at; }
  uint64_t Number(size_t at, size_t width) const { return NumberAt(bytes_, at, width, true); }

  absl::Status ReadSection(size_t at) {
    PeSection section;
    const std::string_view name = bytes_.substr(at, 8);
    section.name = std::string(name.substr(0, name.find('\0')));
    section.virtual_size = Number(at + 8, 4);
    section.address = Number(at + 12, 4);
    section.size = Number(at + 16, 4);
    section.offset = Number(at + 20, 4);
    if (section.size == 0) section.offset = 0;
    if (!Holds(section.offset, section.size)) return DamagedPe();
    file_.sections.push_back(std::move(section));
    return absl::OkStatus();
  }

  // Where in the file `size` bytes at an address are; nullopt: they are in none of the sections.
  std::optional<size_t> OffsetOfAddress(uint64_t address, uint64_t size) const {
    for (const PeSection& section : file_.sections) {
      if (address < section.address || address - section.address > section.size) continue;
      const uint64_t skipped = address - section.address;
      if (size <= section.size - skipped) return section.offset + skipped;
    }
    return std::nullopt;
  }

  absl::Status ReadOptionalHeader(size_t begin, uint64_t size) {
    if (size == 0) return absl::OkStatus();
    const uint64_t magic = size < 2 ? 0 : Number(begin, 2);
    const bool wide = magic == 0x20b;
    // Up to the number of directories.
    const size_t fixed = wide ? 112 : 96;
    if ((!wide && magic != 0x10b) || size < fixed) return DamagedPe();
    file_.fields.push_back({"header", "CheckSum", begin + 64, 4, true, true});
    const uint64_t directories = std::min<uint64_t>(Number(begin + fixed - 4, 4), (size - fixed) / 8);
    const auto directory = [&](uint64_t index) -> std::pair<uint64_t, uint64_t> {
      if (index >= directories) return {0, 0};
      return {Number(begin + fixed + index * 8, 4), Number(begin + fixed + index * 8 + 4, 4)};
    };
    constexpr uint64_t kExports = 0, kResources = 2, kDebug = 6;
    AddTimeOf(directory(kExports), "export directory");
    AddTimeOf(directory(kResources), "resource directory");
    ReadDebugDirectory(directory(kDebug));
    return absl::OkStatus();
  }

  // Both kinds begin with flags, and then a time.
  void AddTimeOf(std::pair<uint64_t, uint64_t> directory, const char* name) {
    if (directory.first == 0) return;
    if (const auto at = OffsetOfAddress(directory.first, 16))
      file_.fields.push_back({name, "TimeDateStamp", *at + 4, 4, true, false});
  }

  void ReadDebugDirectory(std::pair<uint64_t, uint64_t> directory) {
    const uint64_t entries = std::min(directory.second / kDebugEntry, kMostDebugEntries);
    const auto at = OffsetOfAddress(directory.first, entries * kDebugEntry);
    if (directory.first == 0 || !at) return;
    for (uint64_t i = 0; i < entries; ++i) {
      const size_t entry = *at + i * kDebugEntry;
      const std::string inside = "debug directory";
      file_.fields.push_back({inside, "TimeDateStamp", entry + 4, 4, true, false});
      const uint64_t kind = Number(entry + 12, 4), size = Number(entry + 16, 4), data = Number(entry + 24, 4);
      if (kind == kReproducible) reproducible_ = true;
      constexpr size_t kPathAt = 24;
      if (kind != kCodeView || size <= kPathAt || !Holds(data, size) || bytes_.substr(data, 4) != "RSDS")
        continue;
      file_.fields.push_back({inside, "identity of the debug information", data + 4, 20, false, false});
      file_.fields.push_back(
          {inside, "path of the debug information", data + kPathAt, size - kPathAt, false, false});
    }
  }

  const std::string_view bytes_;
  const size_t at_;
  PeFile file_;
  bool reproducible_ = false;
};

std::string ToldField(const PeField& field, std::string_view bytes) {
  if (field.number) return std::to_string(NumberAt(bytes, field.offset, field.size, true));
  const std::string_view value = bytes.substr(field.offset, field.size);
  return std::string(field.place.starts_with("path") ? value.substr(0, value.find('\0')) : value);
}

// Both sides' fields of one name, the nth with the nth.
void CompareFields(const PeFile& first, const PeFile& second, std::string_view ours, std::string_view theirs,
                   Differences* differences) {
  std::map<std::pair<std::string, std::string>, std::vector<const PeField*>> others;
  for (const PeField& field : second.fields) others[{field.inside, field.place}].push_back(&field);
  std::map<std::pair<std::string, std::string>, size_t> used;
  for (const PeField& field : first.fields) {
    const std::pair name(field.inside, field.place);
    const auto& same = others[name];
    const size_t index = used[name]++;
    if (index >= same.size()) continue;
    const std::string a = ToldField(field, ours), b = ToldField(*same[index], theirs);
    if (a == b) continue;
    const Differences::Part part(*differences, field.inside);
    auto* added = differences->Add(field.place, a, b, static_cast<int64_t>(field.offset),
                                   static_cast<int64_t>(same[index]->offset));
    if (added == nullptr) return;
    // It follows from what differs elsewhere: in other fields, or in what the caller finds.
    added->set_derived(field.of_the_rest && same[index]->of_the_rest);
  }
}

// The file with nothing in the places of these fields, so that nothing is told twice.
std::string WithoutFields(std::string_view bytes, const PeFile& file) {
  std::string rest(bytes);
  for (const PeField& field : file.fields)
    std::fill_n(rest.begin() + static_cast<ptrdiff_t>(field.offset), field.size, '\0');
  return rest;
}

std::string_view BytesOf(const PeSection& section, std::string_view bytes) {
  return bytes.substr(section.offset, section.size);
}

// Behind all sections.
std::string_view RestOf(const PeFile& file, std::string_view bytes) {
  size_t end = file.headers;
  for (const PeSection& section : file.sections) end = std::max<size_t>(end, section.offset + section.size);
  return bytes.substr(end);
}

void ComparePeParts(const PeFile& first, const PeFile& second, std::string_view ours, std::string_view theirs,
                    Differences* differences) {
  const int before = differences->count();
  const size_t both = std::min(first.sections.size(), second.sections.size());
  // What is in sections that one side alone has is not told.
  if (first.sections.size() != second.sections.size()) differences->SetIncomplete();
  bool moved = first.sections.size() != second.sections.size();
  for (size_t i = 0; i < both; ++i) {
    const PeSection& a = first.sections[i];
    const PeSection& b = second.sections[i];
    moved = moved || a.virtual_size != b.virtual_size || a.size != b.size;
    if (a.name == b.name && BytesOf(a, ours) == BytesOf(b, theirs)) continue;
    const Differences::Part part(*differences, "section " + a.name);
    if (a.name != b.name) differences->Add("name of a section", a.name, b.name);
    CompareBytes(BytesOf(a, ours), BytesOf(b, theirs), differences);
  }
  if (RestOf(first, ours) != RestOf(second, theirs)) {
    const Differences::Part part(*differences, "behind the sections");
    CompareBytes(RestOf(first, ours), RestOf(second, theirs), differences);
  }
  const int headers = differences->count();
  if (ours.substr(0, first.headers) != theirs.substr(0, second.headers)) {
    const Differences::Part part(*differences, "header");
    CompareBytes(ours.substr(0, first.headers), theirs.substr(0, second.headers), differences);
    // Sizes and places of sections.
    if (moved && headers > before) differences->MarkDerived(headers);
  }
}

}  // namespace

bool IsPe(std::string_view bytes) {
  if (bytes.size() < kDosHeader || !bytes.starts_with("MZ")) return false;
  const size_t at = PeHeaderAt(bytes);
  return at <= bytes.size() && bytes.size() - at >= kCoffHeader &&
         bytes.substr(at, 4) == std::string_view("PE\0\0", 4);
}

absl::Status ComparePe(std::string_view first, std::string_view second, Differences* differences) {
  ASSIGN_OR_RETURN(const PeFile ours, PeReader(first).Read());
  ASSIGN_OR_RETURN(const PeFile theirs, PeReader(second).Read());
  const int before = differences->count();
  CompareFields(ours, theirs, first, second, differences);
  const std::string mine = WithoutFields(first, ours), yours = WithoutFields(second, theirs);
  if (mine != yours) {
    const int fields = differences->count();
    ComparePeParts(ours, theirs, mine, yours, differences);
    // What is in none of them: between the sections.
    if (differences->count() == fields) CompareBytes(mine, yours, differences);
  }
  // A checksum alone, or a hash of what is equal: it follows from nothing.
  differences->KeepARoot(before);
  return absl::OkStatus();
}

}  // namespace crossmill::compare
