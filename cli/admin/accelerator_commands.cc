#include "cli/admin/accelerator_commands.h"

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "cli/admin/admin_group.h"
#include "cli/session/json_flag.h"
#include "cli/show/acceleration/render_acceleration.h"
#include "cli/show/exit_codes.h"
#include "common/base/status.h"

namespace crossmill::cli {
namespace {

absl::StatusOr<int> ListSwitchedOff(Session& session) {
  ASSIGN_OR_RETURN(Farm * farm, session.Connect());
  ASSIGN_OR_RETURN(
      const v1::ListAcceleratorsResponse response,
      session.Call(*farm->farm, &v1::Farm::StubInterface::ListAccelerators, v1::ListAcceleratorsRequest()));
  const std::vector<v1::SwitchedOffAccelerator> off(response.switched_off().begin(),
                                                    response.switched_off().end());
  RETURN_IF_ERROR(session.json ? session.PrintJson(SwitchedOffJson(off))
                               : session.Print(RenderSwitchedOff(off, UnixNanos(session.env.clock().Now()))));
  return kExitOk;
}

absl::StatusOr<int> AllowSet(Session& session, const std::string& digest) {
  ASSIGN_OR_RETURN(Farm * farm, session.Connect());
  v1::AllowAcceleratorRequest request;
  request.set_digest(digest);
  RETURN_IF_ERROR(session.Call(*farm->farm, &v1::Farm::StubInterface::AllowAccelerator, request).status());
  RETURN_IF_ERROR(session.Print(fmt::format("{} is used again; what was taken back stays so\n", digest)));
  return kExitOk;
}

}  // namespace

void AddAcceleratorCommands(CLI::App& app, Session& session) {
  CLI::App* group = AdminGroup(app).add_subcommand(
      "accelerators", "Accelerator sets that the farm does not use because they made other bytes");
  group->require_subcommand(1);
  CLI::App* list = group->add_subcommand("ls", "Which sets are switched off, by which step and path");
  AddJsonFlag(*list, session);
  list->callback([&session] { session.command = [&session] { return ListSwitchedOff(session); }; });
  const auto digest = std::make_shared<std::string>();
  CLI::App* allow = group->add_subcommand("allow", "Use a set again");
  allow->add_option("digest", *digest, "sha256:... as ls shows it")->required();
  allow->callback(
      [&session, digest] { session.command = [&session, digest] { return AllowSet(session, *digest); }; });
}

}  // namespace crossmill::cli
