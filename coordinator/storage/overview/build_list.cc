#include "coordinator/storage/overview/build_list.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <map>
#include <string>

#include "common/base/status.h"
#include "coordinator/overview/listed_build.h"
#include "coordinator/storage/people/project_sql.h"

namespace crossmill::storage {
namespace {

using filter::Field;
using filter::Term;

constexpr Sql kNewestListed{"find the newest build of the list", "SELECT max(build) FROM build_list"};
constexpr Sql kNotEnded{
    "list builds that have not ended",
    "SELECT id, submission, view FROM builds WHERE status < 4 AND ahead_of = 0 AND id < ?1 "
    "ORDER BY id DESC"};

// A question in SQL: values are bound, never written.
class Question {
 public:
  std::string Place(std::string text) {
    values_.emplace_back(std::move(text));
    return fmt::format("?{}", values_.size());
  }
  std::string Place(int64_t number) {
    values_.emplace_back(number);
    return fmt::format("?{}", values_.size());
  }
  const std::vector<Value>& values() const { return values_; }

 private:
  std::vector<Value> values_;
};

template <typename Each>
std::string Either(const std::vector<std::string>& texts, Each each) {
  std::string sql;
  for (const std::string& text : texts) sql += (sql.empty() ? "" : " OR ") + each(text);
  return sql;
}

std::string HasAny(std::string_view column, const std::vector<std::string>& needles, Question* question) {
  return Either(needles, [&](const std::string& needle) {
    return fmt::format("instr({}, {}) > 0", column, question->Place(needle));
  });
}

template <typename Values>
std::string IsAny(std::string_view column, const Values& values, Question* question) {
  std::string places;
  for (const auto& value : values) places += (places.empty() ? "" : ", ") + question->Place(value);
  return fmt::format("{} IN ({})", column, places);
}

std::string Within(std::string_view expression, const Term& term, Question* question) {
  return fmt::format("{} >= {} AND {} < {}", expression, question->Place(term.from), expression,
                     question->Place(term.below));
}

// Short columns first: SQLite asks in the order that is written here, and most builds fail the first
// question.
int CostOf(const Term& term) {
  switch (term.field) {
    case Field::kText:
      return 3;
    case Field::kName:
    case Field::kLabel:
    case Field::kTarget:
      return 2;
    case Field::kPlatform:
      return 1;
    default:
      return 0;
  }
}

// As overview::Matches says it of one build.
std::string ConditionOf(const Term& term, Question* question) {
  switch (term.field) {
    case Field::kText: {
      const int64_t number = overview::NumberIn(term.texts.front());
      const std::string found = HasAny("l.text", term.texts, question);
      return number == 0 ? found : found + " OR l.build = " + question->Place(number);
    }
    case Field::kStatus:
      return IsAny("l.status", term.numbers, question);
    case Field::kVerdict: {
      int64_t bits = 0;
      for (const int64_t verdict : term.numbers) bits |= int64_t{1} << verdict;
      return fmt::format("(l.verdicts & {}) <> 0", question->Place(bits));
    }
    case Field::kPlatform:
      return HasAny("l.platforms", overview::NeedlesOf(term), question);
    case Field::kLabel:
      return HasAny("l.labels", overview::NeedlesOf(term), question);
    case Field::kName:
      return HasAny("l.names", overview::NeedlesOf(term), question);
    case Field::kTarget:
      return IsAny("l.target", term.texts, question);
    case Field::kBuild:
      return IsAny("l.build", term.numbers, question);
    case Field::kTime:
      return Within("l.submitted_at", term, question);
    case Field::kDuration:
      return Within("l.finished_at - l.submitted_at", term, question);
  }
  return "0";
}

}  // namespace

absl::StatusOr<BuildList::Page> BuildList::Ended(const filter::Filter& filter, int64_t before, int limit,
                                                 const core::Scope& scope) {
  Page page;
  RecursiveMutexLock lock(connection_.mutex());
  {
    ASSIGN_OR_RETURN(StatementUse newest, connection_.Use(kNewestListed));
    RETURN_IF_ERROR(newest->Step().status());
    // What is above it is not looked at, whatever the token says.
    const int64_t top = newest->Int64(0) + 1;
    before = before <= 0 ? top : std::min(before, top);
  }
  const int64_t lowest = std::max<int64_t>(before - looked_at_, 1);
  Question question;
  // CROSS: heads are long, and looked up only for what is found.
  std::string sql = fmt::format(
      "SELECT l.build, h.head FROM build_list l CROSS JOIN build_heads h ON h.build = l.build "
      "WHERE l.build < {} AND l.build >= {}",
      question.Place(before), question.Place(lowest));
  if (!scope.is_farm())
    sql += fmt::format(" AND " PROJECT_OF_BUILD("l") " = {}", question.Place(scope.project()));
  std::vector<Term> terms = filter.terms;
  std::stable_sort(terms.begin(), terms.end(),
                   [](const Term& left, const Term& right) { return CostOf(left) < CostOf(right); });
  for (const Term& term : terms)
    sql += fmt::format(" AND {}({})", term.negated ? "NOT " : "", ConditionOf(term, &question));
  // One more says whether there is another page.
  sql += " ORDER BY l.build DESC LIMIT " + question.Place(int64_t{std::max(limit, 0)} + 1);
  ASSIGN_OR_RETURN(Statement query, connection_.Prepare({"list builds", sql.c_str()}));
  query.BindList(question.values());
  while (true) {
    ASSIGN_OR_RETURN(const bool row, query.Step());
    if (!row) break;
    if (static_cast<int>(page.builds.size()) == limit) {
      page.next = limit == 0 ? before : page.builds.back().id();
      return page;
    }
    RETURN_IF_ERROR(ParseRecord(query.Bytes(1), fmt::format("the head of build {}", query.Int64(0)),
                                &page.builds.emplace_back()));
  }
  page.next = lowest > 1 ? lowest : 0;
  return page;
}

absl::StatusOr<BuildList::Page> BuildList::NotEnded(int64_t before, int limit, Wanted wanted) {
  Page page;
  RecursiveMutexLock lock(connection_.mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection_.Use(kNotEnded));
  query->Bind(before > 0 ? before : std::numeric_limits<int64_t>::max());
  v1::BuildSubmission submission;
  int64_t last = 0;
  for (int looked_at = 0;; ++looked_at) {
    // Rows are read one by one: what is not needed is not parsed.
    ASSIGN_OR_RETURN(const bool row, query->Step());
    if (!row) return page;
    if (looked_at == unfinished_looked_at_) {
      page.next = last;
      return page;
    }
    last = query->Int64(0);
    const std::string what = fmt::format("build {}", last);
    v1::BuildView view;
    RETURN_IF_ERROR(ParseRecord(query->Bytes(1), "the submission of " + what, &submission));
    RETURN_IF_ERROR(ParseRecord(query->Bytes(2), "the view of " + what, &view));
    if (!wanted(submission, &view)) continue;
    if (static_cast<int>(page.builds.size()) >= limit) {
      page.next = page.builds.empty() ? before : page.builds.back().id();
      return page;
    }
    page.builds.push_back(std::move(view));
  }
}

BuildList::Page OneList(BuildList::Page ended, BuildList::Page not_ended, int64_t before, int limit) {
  BuildList::Page page;
  // Below it one of them has not looked.
  page.next = std::max(ended.next, not_ended.next);
  std::map<int64_t, v1::BuildView, std::greater<>> found;
  for (std::vector<v1::BuildView>* list : {&ended.builds, &not_ended.builds}) {
    for (v1::BuildView& view : *list) {
      const int64_t id = view.id();
      if (id >= page.next) found.try_emplace(id, std::move(view));
    }
  }
  for (auto& [id, view] : found) {
    if (static_cast<int>(page.builds.size()) >= limit) {
      page.next = page.builds.empty() ? before : page.builds.back().id();
      break;
    }
    page.builds.push_back(std::move(view));
  }
  return page;
}

}  // namespace crossmill::storage
