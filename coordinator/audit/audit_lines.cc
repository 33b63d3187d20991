#include "coordinator/audit/audit_lines.h"

#include <deque>
#include <nlohmann/json.hpp>
#include <string_view>

#include "common/base/status.h"
#include "coordinator/audit/audit_chain.h"

namespace crossmill::coordinator {
namespace {

bool IsAskedFor(std::string_view line, const AuditQuestion& question) {
  const nlohmann::json json = nlohmann::json::parse(line, nullptr, false);
  if (!json.is_object()) return false;
  const auto text = [&](const char* name) {
    const auto found = json.find(name);
    return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  // At the door for BuildKit's clients who has no name came by its socket.
  const bool is_operator = text("door") == "socket" || (text("door") == "buildkit" && text("client").empty());
  if (question.who == "operator" ? !is_operator : !question.who.empty() && text("client") != question.who)
    return false;
  absl::Time time;
  std::string error;
  return question.since == absl::InfinitePast() ||
         (absl::ParseTime(absl::RFC3339_full, text("time"), &time, &error) && time >= question.since);
}

}  // namespace

absl::StatusOr<AuditLines> FindAuditLines(const std::string& path, const AuditQuestion& question) {
  std::deque<std::string> newest;
  AuditLines found;
  RETURN_IF_ERROR(ReadAudit(path, [&](const AuditPlace&, std::string_view line) {
    if (!IsAskedFor(line, question)) return absl::OkStatus();
    newest.emplace_back(line);
    if (newest.size() > static_cast<size_t>(question.limit)) {
      newest.pop_front();
      found.more = true;
    }
    return absl::OkStatus();
  }));
  found.lines.assign(newest.begin(), newest.end());
  return found;
}

}  // namespace crossmill::coordinator
