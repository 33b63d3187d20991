#include "cli/admin/audit_commands.h"

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "cli/admin/admin_group.h"
#include "cli/admin/render_audit.h"
#include "cli/show/exit_codes.h"
#include "common/base/status.h"
#include "common/filter/times.h"

namespace crossmill::cli {
namespace {

using Stub = v1::People::StubInterface;

struct AuditFlags {
  std::string since, who;
  int limit = 100;
};

absl::StatusOr<int> Verify(Session& session) {
  ASSIGN_OR_RETURN(Farm * farm, session.Connect());
  ASSIGN_OR_RETURN(const v1::VerifyAuditResponse report,
                   session.Call(*farm->people, &Stub::VerifyAudit, v1::VerifyAuditRequest()));
  RETURN_IF_ERROR(session.json ? session.PrintJson(AuditReportJson(report))
                               : session.Print(RenderAuditReport(report, session.OutText())));
  return report.problems().empty() ? kExitOk : kExitDamaged;
}

absl::StatusOr<int> List(Session& session, const AuditFlags& flags) {
  v1::ListAuditRequest request;
  request.set_who(flags.who);
  request.set_limit(flags.limit);
  const auto since = filter::ParseSince(flags.since, UnixNanos(session.env.clock().Now()));
  if (!since.ok()) return Annotate(since.status(), "--since");
  request.set_since(*since);
  ASSIGN_OR_RETURN(Farm * farm, session.Connect());
  ASSIGN_OR_RETURN(const v1::ListAuditResponse response,
                   session.Call(*farm->people, &Stub::ListAudit, request));
  RETURN_IF_ERROR(session.json ? session.PrintJson(AuditLinesJson(response))
                               : session.Print(RenderAuditLines(response, session.OutText())));
  return kExitOk;
}

}  // namespace

void AddAuditCommands(CLI::App& app, Session& session) {
  CLI::App* audit = AdminGroup(app).add_subcommand("audit", "Who changed what");
  audit->require_subcommand(1);
  CLI::App* verify = audit->add_subcommand("verify", "Look for lines that were changed, removed or moved");
  verify->add_flag("--json", session.json, "Print the result as JSON (docs/cli.md)");
  verify->callback([&session] { session.command = [&session] { return Verify(session); }; });
  const auto flags = std::make_shared<AuditFlags>();
  CLI::App* list = audit->add_subcommand("ls", "List the newest lines");
  list->add_option("--since", flags->since, "No older than that: 12h, 7d, or a date");
  list->add_option("--who", flags->who, "Of the token of this name; operator: of whoever was at the socket");
  list->add_option("-n,--limit", flags->limit, "At most so many [100]")->check(CLI::Range(1, 10'000));
  list->add_flag("--json", session.json, "Print the result as JSON (docs/cli.md)");
  list->callback(
      [&session, flags] { session.command = [&session, flags] { return List(session, *flags); }; });
}

}  // namespace crossmill::cli
