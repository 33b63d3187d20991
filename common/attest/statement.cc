#include "common/attest/statement.h"

#include <algorithm>
#include <utility>

#include "absl/time/time.h"
#include "common/base/digest.h"
#include "common/base/status.h"

namespace crossmill::attest {
namespace {

constexpr size_t kMostNameBytes = 4096;

absl::StatusOr<Subject> ParseSubject(const SortedJson& json) {
  Subject subject;
  if (json.is_object() && json.contains("name")) {
    ASSIGN_OR_RETURN(subject.name, TextMember(json, "name"));
    if (subject.name.size() > kMostNameBytes)
      return absl::InvalidArgumentError("a subject's \"name\" is too long");
  }
  ASSIGN_OR_RETURN(const SortedJson* digests, ObjectMember(json, "digest"));
  ASSIGN_OR_RETURN(subject.sha256, TextMember(*digests, "sha256"));
  if (!IsSha256Hex(subject.sha256))
    return absl::InvalidArgumentError("a subject's \"sha256\" is no SHA-256 in hex");
  return subject;
}

}  // namespace

std::string WriteStatement(const Statement& statement) {
  SortedJson json;
  json["_type"] = kStatementType;
  json["subject"] = SortedJson::array();
  for (const Subject& subject : statement.subjects)
    json["subject"].push_back({{"name", subject.name}, {"digest", {{"sha256", subject.sha256}}}});
  json["predicateType"] = statement.predicate_type;
  json["predicate"] = statement.predicate;
  return WriteSortedJson(json);
}

absl::StatusOr<Statement> ParseStatement(std::string_view payload, StatementVersions versions) {
  ASSIGN_OR_RETURN(SortedJson json, ParseStrictJson(payload));
  ASSIGN_OR_RETURN(const std::string type, TextMember(json, "_type"));
  const bool old = versions == StatementVersions::kAlsoOld && type == kOldStatementType;
  if (type != kStatementType && !old)
    return absl::InvalidArgumentError(fmt::format("\"_type\" is not {}", kStatementType));
  Statement statement;
  ASSIGN_OR_RETURN(const SortedJson* subjects, ListMember(json, "subject"));
  if (subjects->empty() || subjects->size() > kMostSubjects)
    return absl::InvalidArgumentError(fmt::format("a statement has 1 to {} subjects", kMostSubjects));
  for (const SortedJson& each : *subjects) {
    ASSIGN_OR_RETURN(statement.subjects.emplace_back(), ParseSubject(each));
  }
  ASSIGN_OR_RETURN(statement.predicate_type, TextMember(json, "predicateType"));
  if (json.contains("predicate")) {
    RETURN_IF_ERROR(ObjectMember(json, "predicate").status());
    statement.predicate = std::move(json["predicate"]);
  } else {
    statement.predicate = SortedJson::object();
  }
  return statement;
}

std::string TimeText(int64_t unix_nanos) {
  if (unix_nanos == 0) return "";
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E9SZ", absl::FromUnixNanos(unix_nanos), absl::UTCTimeZone());
}

}  // namespace crossmill::attest
