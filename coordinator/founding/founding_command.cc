#include "coordinator/founding/founding_command.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "common/base/absolute_path.h"
#include "common/base/clock.h"
#include "common/base/json.h"
#include "common/base/status.h"
#include "coordinator/founding/founding.h"

namespace crossmill::coordinator {
namespace {

constexpr char kUsualSettings[] = "/etc/crossmill/coordinator.toml";

int Run(FoundingOptions options) {
  options.data_folder = AbsolutePath(options.data_folder);
  if (options.socket.empty()) options.socket = options.data_folder + "/coordinator.sock";
  if (options.settings_file.empty()) {
    const bool usual = geteuid() == 0 && access(kUsualSettings, F_OK) == 0;
    options.settings_file = usual ? kUsualSettings : options.data_folder + "/coordinator.toml";
  }
  options.settings_file = AbsolutePath(options.settings_file);
  if (!options.token_file.empty()) options.token_file = AbsolutePath(options.token_file);
  SystemClock clock;
  const auto founded = FoundFarm(options, clock);
  if (!founded.ok()) {
    fmt::print(stderr, "crossmill-coordinator: {}\n", Sv(founded.status().message()));
    return absl::IsInvalidArgument(founded.status()) ? 2 : 5;
  }
  const Json json = {{"address", founded->address},        {"authority", founded->authority_file},
                     {"data", founded->data_folder},       {"fingerprint", founded->fingerprint},
                     {"settings", founded->settings_file}, {"token", founded->token},
                     {"token_file", founded->token_file}};
  fmt::print("{}\n", WriteJsonPretty(json));
  return fflush(stdout) == 0 ? 0 : 5;
}

}  // namespace

void AddFoundingCommand(CLI::App& app, const std::string& data_folder, const std::string& socket,
                        std::function<int()>& run) {
  const auto options = std::make_shared<FoundingOptions>();
  CLI::App* init = app.add_subcommand(
      "init", "Make a farm that other machines can join: authority, certificate, settings, first token");
  init->add_option("address", options->address, "HOST:PORT that the others reach it under")->required();
  init->add_option("--also", options->names, "Further name or address of this machine; repeatable")
      ->allow_extra_args(false);
  init->add_option(
      "--settings", options->settings_file,
      "Settings file [/etc/crossmill/coordinator.toml where it is root's, else DATA/coordinator.toml]");
  init->add_option("--admin-token-file", options->token_file,
                   "Where the first token goes, mode 0600 [it is printed]");
  init->callback([options, &data_folder, &socket, &run] {
    run = [options, &data_folder, &socket] {
      options->data_folder = data_folder;
      options->socket = socket;
      return Run(*options);
    };
  });
}

}  // namespace crossmill::coordinator
