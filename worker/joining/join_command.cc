#include "worker/joining/join_command.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <iostream>
#include <memory>

#include "common/base/absolute_path.h"
#include "common/base/status.h"
#include "common/base/wiping.h"
#include "worker/joining/join_farm.h"
#include "worker/joining/joined_files.h"

namespace crossmill::worker {
namespace {

struct JoinFlags {
  JoinOptions join;
  JoinedPlace place{.data = "", .settings = "", .user = "crossmill"};
};

std::string HostName() {
  std::array<char, 256> name = {};
  return gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

absl::StatusOr<std::string> Join(JoinFlags flags) {
  if (!flags.place.data.empty()) flags.place.data = AbsolutePath(flags.place.data);
  if (!flags.place.settings.empty()) flags.place.settings = AbsolutePath(flags.place.settings);
  RETURN_IF_ERROR(CheckPlace(flags.place));
  flags.join.host_name = HostName();
  ASSIGN_OR_RETURN(Joined joined, JoinFarm(flags.join));
  const absl::StatusOr<std::string> settings = WriteJoined(joined, flags.place);
  Wipe(&joined.key);
  if (!settings.ok())
    return Annotate(
        settings.status(),
        fmt::format("the farm has worker '{0}' now, but this machine could not keep its key, and the "
                    "invitation is used (`crossmill admin worker remove {0}`, and another invitation)",
                    joined.name));
  const std::string unit = "/etc/crossmill/workers/" + joined.name + ".toml";
  const std::string start = *settings == unit
                                ? fmt::format("systemctl enable --now crossmill-worker@{}", joined.name)
                                : fmt::format("crossmill-worker --config {}", *settings);
  return fmt::format("joined {} as worker {}{}\nsettings: {}\nstart it: {}\n", joined.address, joined.name,
                     joined.pool.empty() ? "" : fmt::format(" of pool {}", joined.pool), *settings, start);
}

}  // namespace

void AddJoinCommand(CLI::App& app, std::function<int()>& run) {
  const auto flags = std::make_shared<JoinFlags>();
  CLI::App* join = app.add_subcommand("join", "Makes this machine a worker of the farm that invited it");
  join->add_option("ADDRESS", flags->join.address, "HOST:PORT of the coordinator")->required();
  join->add_option("--invitation", flags->join.invitation, "What `crossmill admin invite worker` printed")
      ->required();
  join->add_option("--name", flags->join.name,
                   "What it wants to be called [its host name, where that is free]");
  join->add_option("--data", flags->place.data, "Its folder [/var/lib/crossmill/workers/NAME]");
  join->add_option(
      "--settings", flags->place.settings,
      "Settings file that is written [/etc/crossmill/workers/NAME.toml; with --data DATA/worker.toml]");
  join->add_option("--user", flags->place.user, "System user that it becomes when root starts it")
      ->capture_default_str();
  join->callback([flags, &run] {
    run = [flags] {
      const auto told = Join(*flags);
      if (told.ok()) {
        std::cout << *told << std::flush;
        return 0;
      }
      std::cerr << "crossmill-worker: " << Sv(told.status().message()) << "\n";
      return absl::IsInvalidArgument(told.status()) ? 2 : 5;
    };
  });
}

}  // namespace crossmill::worker
