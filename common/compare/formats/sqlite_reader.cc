#include "common/compare/formats/sqlite_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <optional>

#include "absl/strings/numbers.h"
#include "common/base/status.h"
#include "common/compare/formats/byte_numbers.h"

namespace crossmill::compare {
namespace {

constexpr size_t kFileHeader = 100;
constexpr int kMostLevels = 20;
constexpr size_t kMostRows = 1'000'000;
constexpr size_t kMostTrees = 10'000;
constexpr uint8_t kInteriorIndex = 2, kInteriorTable = 5, kLeafIndex = 10, kLeafTable = 13;

absl::Status DamagedSqlite() { return absl::InvalidArgumentError("the SQLite file is damaged"); }

// A number of one to nine bytes, 7 bits in each; moves behind it. nullopt: it is cut off.
std::optional<uint64_t> TakeVarint(std::string_view bytes, size_t* at) {
  uint64_t value = 0;
  for (int i = 0; i < 9; ++i) {
    if (*at >= bytes.size()) return std::nullopt;
    const auto byte = static_cast<unsigned char>(bytes[(*at)++]);
    if (i == 8) return value << 8 | byte;
    value = value << 7 | (byte & 0x7f);
    if ((byte & 0x80) == 0) return value;
  }
  return std::nullopt;
}

// Reads one database. Used once.
class SqliteReader {
 public:
  explicit SqliteReader(std::string_view bytes) : bytes_(bytes) {}

  absl::StatusOr<SqliteFile> Read() {
    if (bytes_.size() < kFileHeader) return DamagedSqlite();
    const uint64_t told = NumberAt(bytes_, 16, 2, false);
    file_.page_size = told == 1 ? 65536 : told;
    const size_t reserved = static_cast<unsigned char>(bytes_[20]);
    if (file_.page_size < 512 || !std::has_single_bit(file_.page_size) ||
        bytes_.size() % file_.page_size != 0 || reserved > file_.page_size - 480)
      return DamagedSqlite();
    usable_ = file_.page_size - reserved;
    pages_ = bytes_.size() / file_.page_size;
    file_.tree_of_page.assign(pages_ + 1, -1);
    file_.trees.push_back({.name = "table sqlite_schema", .root = 1, .index_of = "", .rows = {}});
    RETURN_IF_ERROR(WalkTree(0));
    RETURN_IF_ERROR(ReadSchema());
    for (size_t i = 1; i < file_.trees.size(); ++i) RETURN_IF_ERROR(WalkTree(i));
    return std::move(file_);
  }

 private:
  // Rows of the schema: type, name, name of the table, root page, SQL.
  absl::Status ReadSchema() {
    const std::vector<SqliteRow> schema = file_.trees.front().rows;
    for (const SqliteRow& row : schema) {
      const std::vector<std::string> values = ValuesOfRecord(row.record);
      uint64_t root = 0;
      if (values.size() < 4 || !absl::SimpleAtoi(values[3], &root) || root == 0) continue;
      if (values[0] != "table" && values[0] != "index") continue;
      if (file_.trees.size() >= kMostTrees) return DamagedSqlite();
      file_.trees.push_back({.name = values[0] + " " + values[1],
                             .root = root,
                             .index_of = values[0] == "index" ? "table " + values[2] : std::string(),
                             .rows = {}});
    }
    return absl::OkStatus();
  }

  absl::Status WalkTree(size_t tree) { return WalkPage(tree, file_.trees[tree].root, 0); }

  std::string_view PageAt(uint64_t number) const {
    return bytes_.substr((number - 1) * file_.page_size, file_.page_size);
  }

  // Each page once: no two trees, and no two places of one, have a page in common.
  absl::Status Claim(uint64_t number, size_t tree) {
    if (number == 0 || number > pages_ || file_.tree_of_page[number] >= 0) return DamagedSqlite();
    file_.tree_of_page[number] = static_cast<int>(tree);
    return absl::OkStatus();
  }

  absl::Status WalkPage(size_t tree, uint64_t number, int level) {
    RETURN_IF_ERROR(Claim(number, tree));
    if (level > kMostLevels) return DamagedSqlite();
    const std::string_view page = PageAt(number);
    const size_t header = number == 1 ? kFileHeader : 0;
    const auto kind = static_cast<uint8_t>(page[header]);
    const bool interior = kind == kInteriorIndex || kind == kInteriorTable;
    if (!interior && kind != kLeafIndex && kind != kLeafTable) return DamagedSqlite();
    const uint64_t cells = NumberAt(page, header + 3, 2, false);
    const size_t pointers = header + (interior ? 12 : 8);
    if (pointers + cells * 2 > page.size()) return DamagedSqlite();
    for (uint64_t i = 0; i < cells; ++i) {
      const uint64_t at = NumberAt(page, pointers + i * 2, 2, false);
      RETURN_IF_ERROR(ReadCell(tree, page, at, kind, level));
    }
    if (interior) return WalkPage(tree, NumberAt(page, header + 8, 4, false), level + 1);
    return absl::OkStatus();
  }

  absl::Status ReadCell(size_t tree, std::string_view page, size_t at, uint8_t kind, int level) {
    if (kind == kInteriorIndex || kind == kInteriorTable) {
      if (at + 4 > page.size()) return DamagedSqlite();
      RETURN_IF_ERROR(WalkPage(tree, NumberAt(page, at, 4, false), level + 1));
      if (kind == kInteriorTable) return absl::OkStatus();
      at += 4;
    }
    const auto size = TakeVarint(page, &at);
    if (!size) return DamagedSqlite();
    SqliteRow row;
    if (kind == kLeafTable) {
      const auto id = TakeVarint(page, &at);
      if (!id) return DamagedSqlite();
      row.id = static_cast<int64_t>(*id);
    }
    const uint64_t local = LocalSize(*size, kind == kLeafTable);
    row.cut = local < *size;
    if (at > page.size() || local + (row.cut ? 4 : 0) > page.size() - at) return DamagedSqlite();
    row.record = page.substr(at, local);
    if (row.cut) RETURN_IF_ERROR(ClaimOverflow(tree, NumberAt(page, at + local, 4, false)));
    if (kind != kLeafTable) return absl::OkStatus();
    if (++rows_ > kMostRows) return DamagedSqlite();
    file_.trees[tree].rows.push_back(row);
    return absl::OkStatus();
  }

  // How many bytes of a record are in the tree's own page.
  uint64_t LocalSize(uint64_t size, bool table) const {
    const uint64_t most = table ? usable_ - 35 : (usable_ - 12) * 64 / 255 - 23;
    if (size <= most) return size;
    const uint64_t fewest = (usable_ - 12) * 32 / 255 - 23;
    const uint64_t local = fewest + (size - fewest) % (usable_ - 4);
    return local <= most ? local : fewest;
  }

  // Each such page names the next one.
  absl::Status ClaimOverflow(size_t tree, uint64_t number) {
    while (number != 0) {
      RETURN_IF_ERROR(Claim(number, tree));
      number = NumberAt(PageAt(number), 0, 4, false);
    }
    return absl::OkStatus();
  }

  const std::string_view bytes_;
  size_t usable_ = 0;
  uint64_t pages_ = 0;
  size_t rows_ = 0;
  SqliteFile file_;
};

// Bytes of a value of this serial type.
uint64_t SizeOfValue(uint64_t type) {
  constexpr uint64_t kSizes[] = {0, 1, 2, 3, 4, 6, 8, 8, 0, 0, 0, 0};
  return type < 12 ? kSizes[type] : (type - 12) / 2;
}

std::string ToldValue(uint64_t type, std::string_view bytes) {
  if (type == 0) return "NULL";
  if (type == 7) return fmt::format("{}", std::bit_cast<double>(NumberAt(bytes, 0, 8, false)));
  if (type == 8 || type == 9) return type == 8 ? "0" : "1";
  if (type > 9) return std::string(bytes);
  const uint64_t value = NumberAt(bytes, 0, bytes.size(), false);
  // The sign is that of the first of its bytes.
  const auto shift = static_cast<unsigned>(64 - 8 * bytes.size());
  return std::to_string(static_cast<int64_t>(value << shift) >> shift);
}

}  // namespace

absl::StatusOr<SqliteFile> ReadSqlite(std::string_view bytes) { return SqliteReader(bytes).Read(); }

std::vector<std::string> ValuesOfRecord(std::string_view record) {
  size_t at = 0;
  const auto header = TakeVarint(record, &at);
  std::vector<std::string> values;
  if (!header || *header > record.size()) return values;
  size_t body = *header;
  while (at < *header) {
    const auto type = TakeVarint(record.substr(0, *header), &at);
    if (!type || *type == 10 || *type == 11) break;
    const uint64_t size = SizeOfValue(*type);
    if (size > record.size() - body) break;
    values.push_back(ToldValue(*type, record.substr(body, size)));
    body += size;
  }
  return values;
}

}  // namespace crossmill::compare
