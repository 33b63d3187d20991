// SQLite databases: fields of the header, rows of tables, and what is in neither page by page.
#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "common/base/status.h"
#include "common/compare/formats/byte_numbers.h"
#include "common/compare/formats/formats.h"
#include "common/compare/formats/sqlite_reader.h"

namespace crossmill::compare {
namespace {

constexpr std::string_view kSqliteMagic("SQLite format 3\0", 16);
constexpr size_t kSqliteHeader = 100;

struct HeaderNumber {
  size_t at;
  size_t width;
  std::string_view name;
};

constexpr HeaderNumber kHeaderNumbers[] = {
    {16, 2, "size of a page"},        {18, 1, "version for writing"},
    {19, 1, "version for reading"},   {24, 4, "counter of changes"},
    {28, 4, "number of pages"},       {32, 4, "first free page"},
    {36, 4, "number of free pages"},  {40, 4, "counter of changes of the schema"},
    {44, 4, "format of the schema"},  {48, 4, "size of the cache"},
    {52, 4, "largest root page"},     {56, 4, "encoding of texts"},
    {60, 4, "user version"},          {64, 4, "incremental vacuum"},
    {68, 4, "id of the application"}, {92, 4, "counter of changes for which the version is valid"},
    {96, 4, "version of SQLite"},
};

class SqliteComparer {
 public:
  SqliteComparer(const SqliteFile& first, const SqliteFile& second, std::string_view ours,
                 std::string_view theirs, Differences* differences)
      : first_(first), second_(second), ours_(ours), theirs_(theirs), differences_(differences) {}

  void Compare() {
    const int before = differences_->count();
    CompareHeader();
    CompareTables();
    ComparePages();
    if (differences_->count() == before) CompareBytes(ours_, theirs_, differences_);
  }

 private:
  void CompareHeader() {
    const Differences::Part part(*differences_, "header");
    for (const HeaderNumber& each : kHeaderNumbers) {
      const uint64_t a = NumberAt(ours_, each.at, each.width, false);
      const uint64_t b = NumberAt(theirs_, each.at, each.width, false);
      if (a == b) continue;
      const auto at = static_cast<int64_t>(each.at);
      auto* added = differences_->Add(each.name, std::to_string(a), std::to_string(b), at, at);
      // The same number once more.
      if (added != nullptr && each.at == 92) added->set_derived(true);
    }
  }

  void CompareTables() {
    std::map<std::string_view, int> others;
    for (size_t i = 0; i < second_.trees.size(); ++i)
      others.emplace(second_.trees[i].name, static_cast<int>(i));
    for (size_t i = 0; i < first_.trees.size() && !differences_->full(); ++i) {
      const SqliteTree& tree = first_.trees[i];
      const auto found = others.find(tree.name);
      if (found == others.end()) continue;
      const SqliteTree& other = second_.trees[static_cast<size_t>(found->second)];
      const Differences::Part part(*differences_, tree.name);
      const int before = differences_->count();
      CompareRows(tree.rows, other.rows);
      if (differences_->count() == before) continue;
      told_.insert(tree.name);
      const auto is_cut = [](const SqliteRow& row) { return row.cut; };
      if (std::any_of(tree.rows.begin(), tree.rows.end(), is_cut) ||
          std::any_of(other.rows.begin(), other.rows.end(), is_cut))
        cut_.insert(tree.name);
    }
  }

  void CompareRows(const std::vector<SqliteRow>& first, const std::vector<SqliteRow>& second) {
    size_t a = 0, b = 0;
    while ((a < first.size() || b < second.size()) && !differences_->full()) {
      const bool have_a = a < first.size(), have_b = b < second.size();
      if (have_a && have_b && first[a].id == second[b].id) {
        if (first[a].record != second[b].record) CompareRow(first[a], second[b]);
        ++a;
        ++b;
      } else if (have_a && (!have_b || first[a].id < second[b].id)) {
        AddRow(first[a], {}, first[a].record);
        ++a;
      } else {
        AddRow(second[b], second[b].record, {});
        ++b;
      }
    }
    if (differences_->full()) differences_->SetIncomplete();
  }

  // Of one side alone.
  void AddRow(const SqliteRow& row, std::string_view theirs, std::string_view ours) {
    const std::string place = fmt::format("row {}", row.id);
    differences_->Add(place, Joined(ours), Joined(theirs), OffsetOf(ours, ours_), OffsetOf(theirs, theirs_));
  }

  static std::string Joined(std::string_view record) {
    std::string text;
    for (const std::string& value : ValuesOfRecord(record)) text += (text.empty() ? "" : " | ") + value;
    return text;
  }

  void CompareRow(const SqliteRow& first, const SqliteRow& second) {
    const std::vector<std::string> ours = ValuesOfRecord(first.record);
    const std::vector<std::string> theirs = ValuesOfRecord(second.record);
    const int64_t a = OffsetOf(first.record, ours_), b = OffsetOf(second.record, theirs_);
    const int before = differences_->count();
    for (size_t i = 0; i < std::min(ours.size(), theirs.size()); ++i) {
      if (ours[i] != theirs[i])
        differences_->Add(fmt::format("row {}, value {}", first.id, i + 1), ours[i], theirs[i], a, b);
    }
    if (differences_->count() > before && ours.size() == theirs.size()) return;
    const Differences::Part part(*differences_, fmt::format("row {}", first.id));
    CompareBytes(first.record, second.record, differences_);
  }

  static int64_t OffsetOf(std::string_view part, std::string_view all) {
    return part.empty() ? 0 : part.data() - all.data();
  }

  // nullptr: of no tree that is known, or not in the file.
  static const SqliteTree* TreeIn(const SqliteFile& file, size_t number) {
    const int tree = number < file.tree_of_page.size() ? file.tree_of_page[number] : -1;
    return tree < 0 ? nullptr : &file.trees[static_cast<size_t>(tree)];
  }

  // The tree of a page: of that side which has the page, or if both sides have it of the same one; else
  // nullptr.
  const SqliteTree* TreeOf(size_t number) const {
    const SqliteTree* ours = TreeIn(first_, number);
    const SqliteTree* theirs = TreeIn(second_, number);
    if (number >= first_.tree_of_page.size()) return theirs;
    if (number >= second_.tree_of_page.size()) return ours;
    return ours != nullptr && theirs != nullptr && ours->name == theirs->name &&
                   ours->index_of == theirs->index_of
               ? ours
               : nullptr;
  }

  // Without the pages of tables whose rows were told: their bytes are those of the rows. The header is told.
  void ComparePages() {
    if (first_.page_size != second_.page_size) return;
    const size_t size = first_.page_size;
    const size_t count = std::max(ours_.size(), theirs_.size()) / size;
    for (size_t number = 1; number <= count && !differences_->full(); ++number) {
      const size_t at = (number - 1) * size;
      const size_t skipped = number == 1 ? kSqliteHeader : 0;
      const std::string_view a = at < ours_.size() ? ours_.substr(at + skipped, size - skipped) : "";
      const std::string_view b = at < theirs_.size() ? theirs_.substr(at + skipped, size - skipped) : "";
      if (a == b) continue;
      const SqliteTree* tree = TreeOf(number);
      if (tree != nullptr && told_.contains(tree->name)) {
        // A row's end in other pages is not compared.
        if (cut_.contains(tree->name)) differences_->SetIncomplete();
        continue;
      }
      const Differences::Part part(*differences_, tree == nullptr
                                                      ? fmt::format("page {}", number)
                                                      : fmt::format("page {} ({})", number, tree->name));
      const int before = differences_->count();
      CompareBytes(a, b, differences_);
      // An index has what its own table has.
      if (tree != nullptr && told_.contains(tree->index_of)) differences_->MarkDerived(before);
    }
    if (differences_->full()) differences_->SetIncomplete();
  }

  const SqliteFile& first_;
  const SqliteFile& second_;
  const std::string_view ours_;
  const std::string_view theirs_;
  Differences* differences_;
  // Trees whose rows differ.
  std::set<std::string, std::less<>> told_;
  // Those of them that have rows which go on in other pages.
  std::set<std::string, std::less<>> cut_;
};

}  // namespace

bool IsSqlite(std::string_view bytes) {
  return bytes.size() >= kSqliteHeader && bytes.starts_with(kSqliteMagic);
}

absl::Status CompareSqlite(std::string_view first, std::string_view second, Differences* differences) {
  ASSIGN_OR_RETURN(const SqliteFile ours, ReadSqlite(first));
  ASSIGN_OR_RETURN(const SqliteFile theirs, ReadSqlite(second));
  SqliteComparer(ours, theirs, first, second, differences).Compare();
  return absl::OkStatus();
}

}  // namespace crossmill::compare
