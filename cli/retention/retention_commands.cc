#include "cli/retention/retention_commands.h"

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "cli/retention/render_retention.h"
#include "cli/session/json_flag.h"
#include "cli/show/exit_codes.h"
#include "common/base/status.h"
#include "common/words/age.h"

namespace crossmill::cli {
namespace {

struct CollectFlags {
  bool dry_run = false;
  bool all = false;
  std::string unused_for;
};

absl::StatusOr<int> ShowDiskUse(Session& session, bool verbose) {
  ASSIGN_OR_RETURN(Farm * farm, session.Connect());
  v1::GetDiskUseRequest request;
  request.set_verbose(verbose);
  ASSIGN_OR_RETURN(const v1::GetDiskUseResponse use,
                   session.Call(*farm->retention, &v1::Retention::StubInterface::GetDiskUse, request));
  RETURN_IF_ERROR(session.json ? session.PrintJson(DiskUseJson(use))
                               : session.Print(RenderDiskUse(use, verbose, session.OutText())));
  return kExitOk;
}

absl::StatusOr<int> Collect(Session& session, const CollectFlags& flags) {
  v1::CollectRequest request;
  request.set_dry_run(flags.dry_run);
  request.set_all(flags.all);
  if (!flags.unused_for.empty()) {
    const auto age = ParseAge(flags.unused_for);
    if (!age.ok()) return Annotate(age.status(), "--unused-for");
    request.set_unused_seconds(absl::ToInt64Seconds(*age));
  }
  ASSIGN_OR_RETURN(Farm * farm, session.Connect());
  ASSIGN_OR_RETURN(const v1::CollectResponse collected,
                   session.Call(*farm->retention, &v1::Retention::StubInterface::Collect, request));
  RETURN_IF_ERROR(session.json ? session.PrintJson(CollectedJson(collected, flags.dry_run))
                               : session.Print(RenderCollected(collected, flags.dry_run, session.OutText())));
  return kExitOk;
}

absl::StatusOr<int> ShowPolicies(Session& session) {
  ASSIGN_OR_RETURN(Farm * farm, session.Connect());
  ASSIGN_OR_RETURN(
      const v1::ListPoliciesResponse policies,
      session.Call(*farm->retention, &v1::Retention::StubInterface::ListPolicies, v1::ListPoliciesRequest()));
  RETURN_IF_ERROR(session.json ? session.PrintJson(PoliciesJson(policies))
                               : session.Print(RenderPolicies(policies, session.OutText())));
  return kExitOk;
}

// NAME=VALUE; of a reset NAME alone.
absl::StatusOr<int> SetPolicies(Session& session, const std::vector<std::string>& policies, bool reset) {
  std::vector<v1::SetPolicyRequest> requests;
  for (const std::string& text : policies) {
    const size_t equals = text.find('=');
    if (reset == (equals != std::string::npos) || equals == 0 || equals + 1 == text.size())
      return absl::InvalidArgumentError(
          fmt::format("{}: expected {}", text, reset ? "NAME" : "NAME=VALUE, such as blobs.budget=200G"));
    v1::SetPolicyRequest& request = requests.emplace_back();
    request.set_name(text.substr(0, equals));
    if (!reset) request.set_value(text.substr(equals + 1));
  }
  ASSIGN_OR_RETURN(Farm * farm, session.Connect());
  v1::ListPoliciesResponse now;
  for (const v1::SetPolicyRequest& request : requests) {
    ASSIGN_OR_RETURN(const v1::SetPolicyResponse response,
                     session.Call(*farm->retention, &v1::Retention::StubInterface::SetPolicy, request));
    *now.add_policies() = response.policy();
  }
  RETURN_IF_ERROR(session.json ? session.PrintJson(PoliciesJson(now))
                               : session.Print(RenderPolicies(now, session.OutText())));
  return kExitOk;
}

absl::StatusOr<int> Pin(Session& session, const std::vector<int64_t>& builds, bool pin) {
  ASSIGN_OR_RETURN(Farm * farm, session.Connect());
  for (const int64_t build : builds) {
    if (pin) {
      v1::PinBuildRequest request;
      request.set_build_id(build);
      RETURN_IF_ERROR(
          session.Call(*farm->retention, &v1::Retention::StubInterface::PinBuild, request).status());
      RETURN_IF_ERROR(session.Print(fmt::format("build {} is pinned: all that it needs stays\n", build)));
    } else {
      v1::UnpinBuildRequest request;
      request.set_build_id(build);
      ASSIGN_OR_RETURN(const v1::UnpinBuildResponse response,
                       session.Call(*farm->retention, &v1::Retention::StubInterface::UnpinBuild, request));
      RETURN_IF_ERROR(session.Print(fmt::format(
          "build {} {}\n", build, response.was_pinned() ? "is no longer pinned" : "was not pinned")));
    }
  }
  return kExitOk;
}

absl::StatusOr<int> ListPins(Session& session) {
  ASSIGN_OR_RETURN(Farm * farm, session.Connect());
  ASSIGN_OR_RETURN(
      const v1::ListPinsResponse pins,
      session.Call(*farm->retention, &v1::Retention::StubInterface::ListPins, v1::ListPinsRequest()));
  RETURN_IF_ERROR(session.json ? session.PrintJson(PinsJson(pins))
                               : session.Print(RenderPins(pins, UnixNanos(session.env.clock().Now()),
                                                          session.OutText())));
  return kExitOk;
}

void AddCollectCommands(CLI::App& app, Session& session) {
  const auto flags = std::make_shared<CollectFlags>();
  CLI::App* gc = app.add_subcommand(
      "gc",
      "Remove now what the policies say: blobs beyond the budget that nothing needs, and what is too old");
  gc->add_flag("--dry-run", flags->dry_run, "Say what would go, and remove nothing");
  AddJsonFlag(*gc, session);
  gc->callback(
      [&session, flags] { session.command = [&session, flags] { return Collect(session, *flags); }; });
  CLI::App* prune = app.add_subcommand(
      "prune",
      "Remove all blobs that nothing needs: step cache, old contexts and bases (as docker builder prune)");
  prune->add_flag("--dry-run", flags->dry_run, "Say what would go, and remove nothing");
  prune->add_option("--unused-for", flags->unused_for,
                    "Only what was not used for so long: 12h, 7d [the policy blobs.grace]");
  AddJsonFlag(*prune, session);
  prune->callback([&session, flags] {
    flags->all = true;
    session.command = [&session, flags] { return Collect(session, *flags); };
  });
}

void AddPinCommands(CLI::App& app, Session& session) {
  const auto builds = std::make_shared<std::vector<int64_t>>();
  CLI::App* pin =
      app.add_subcommand("pin", "Keep all that builds need, until they are unpinned; without a build: list");
  pin->add_option("build", *builds, "Numbers of builds");
  AddJsonFlag(*pin, session);
  pin->callback([&session, builds] {
    session.command = [&session, builds] {
      return builds->empty() ? ListPins(session) : Pin(session, *builds, true);
    };
  });
  CLI::App* unpin = app.add_subcommand("unpin", "Keep builds no longer than others");
  unpin->add_option("build", *builds, "Numbers of builds")->required();
  unpin->callback(
      [&session, builds] { session.command = [&session, builds] { return Pin(session, *builds, false); }; });
}

void AddPolicyCommands(CLI::App& app, Session& session) {
  // Other commands of operators may be there already.
  CLI::App* admin = nullptr;
  for (CLI::App* each : app.get_subcommands(nullptr)) {
    if (each->get_name() == "admin") admin = each;
  }
  if (admin == nullptr) {
    admin = app.add_subcommand("admin", "What operators decide about the farm");
    admin->require_subcommand(1);
  }
  CLI::App* policy = admin->add_subcommand("policy", "How much the farm keeps, and for how long");
  policy->require_subcommand(0, 1);
  AddJsonFlag(*policy, session);
  // The parser calls those below first.
  policy->callback([&session] {
    if (!session.command) session.command = [&session] { return ShowPolicies(session); };
  });
  CLI::App* show = policy->add_subcommand("show", "List the policies");
  AddJsonFlag(*show, session);
  show->callback([&session] { session.command = [&session] { return ShowPolicies(session); }; });
  for (const bool reset : {false, true}) {
    const auto names = std::make_shared<std::vector<std::string>>();
    CLI::App* command =
        policy->add_subcommand(reset ? "reset" : "set", reset ? "Go back to the usual values"
                                                              : "Change policies, at once and for good");
    command->add_option("policy", *names, reset ? "NAME" : "NAME=VALUE")->required();
    AddJsonFlag(*command, session);
    command->callback([&session, names, reset] {
      session.command = [&session, names, reset] { return SetPolicies(session, *names, reset); };
    });
  }
}

}  // namespace

void AddRetentionCommands(CLI::App& app, Session& session) {
  const auto verbose = std::make_shared<bool>(false);
  CLI::App* df = app.add_subcommand("df", "What takes room on the coordinator's disk, and why it is kept");
  df->add_flag("-v,--verbose", *verbose, "Also what the cache consists of, and when each kind goes");
  AddJsonFlag(*df, session);
  df->callback([&session, verbose] {
    session.command = [&session, verbose] { return ShowDiskUse(session, *verbose); };
  });
  AddCollectCommands(app, session);
  AddPinCommands(app, session);
  AddPolicyCommands(app, session);
}

}  // namespace crossmill::cli
