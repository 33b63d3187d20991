// An SQLite database, as far as its own format shows it without SQL: pages, whose they are, and the rows of
// tables (https://www.sqlite.org/fileformat.html). Internal to common/compare. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace crossmill::compare {

struct SqliteRow {
  int64_t id = 0;
  // The record, as far as it is in the page.
  std::string_view record;
  // It goes on in other pages.
  bool cut = false;
};

// A table or an index with pages of its own.
struct SqliteTree {
  // "table NAME" or "index NAME".
  std::string name;
  uint64_t root = 0;
  // Of an index the name of its table's tree; empty: it is none.
  std::string index_of;
  // Of a table with row ids, in their order.
  std::vector<SqliteRow> rows;
};

struct SqliteFile {
  size_t page_size = 0;
  std::vector<SqliteTree> trees;
  // By the number of a page, from 1 on: its tree, an index into `trees`; -1: of none that is known.
  std::vector<int> tree_of_page;
};

// INVALID_ARGUMENT: it is damaged, or a tree is not as the format has it.
absl::StatusOr<SqliteFile> ReadSqlite(std::string_view bytes);

// The values of a record, as text: numbers in digits, texts and blobs as they are. Those that the bytes do
// not hold in whole are left out, with all after them. Empty: it is no record.
std::vector<std::string> ValuesOfRecord(std::string_view record);

}  // namespace crossmill::compare
