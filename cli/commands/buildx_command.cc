// crossmill buildx-setup: Docker's own clients build on the farm.
#include <CLI/CLI.hpp>
#include <memory>
#include <optional>

#include "cli/buildx/buildx_setup.h"
#include "cli/commands/commands.h"
#include "cli/session/login.h"
#include "cli/show/exit_codes.h"
#include "cli/show/text.h"
#include "common/base/files.h"
#include "common/certificates/request.h"

namespace crossmill::cli {
namespace {

constexpr absl::Duration kAnswerPatience = absl::Seconds(20);

struct SetupFlags {
  std::string address;
  std::string name = "farm";
  bool print = false;
};

// How buildx is called here; nothing where it is not.
std::optional<std::vector<std::string>> FindBuildx(Environment& env) {
  for (std::vector<std::string> words : {std::vector<std::string>{"docker", "buildx"}, {"buildx"}}) {
    ProcessOptions options;
    options.argv = words;
    options.argv.push_back("version");
    options.time_limit = kAnswerPatience;
    const auto result = env.RunProgram(options);
    if (result.ok() && result->exit_code == 0) return words;
  }
  return std::nullopt;
}

// The key is made here and stays here; the certificate may what this user's token may.
absl::StatusOr<TlsFiles> MakeTlsFiles(Session& session, const std::string& name, int64_t* not_after) {
  const std::string login = LoginFolder(session.env);
  if (login.empty()) {
    return absl::FailedPreconditionError(
        "there is no place to keep the key: neither XDG_CONFIG_HOME nor HOME is set");
  }
  ASSIGN_OR_RETURN(const certificates::KeyAndRequest made, certificates::MakeKeyAndRequest());
  ASSIGN_OR_RETURN(Farm * farm, session.Connect());
  v1::IssueCertificateRequest request;
  request.set_certificate_request(made.request_pem);
  ASSIGN_OR_RETURN(const v1::IssueCertificateResponse issued,
                   session.Call(*farm->people, &v1::People::StubInterface::IssueCertificate, request));
  *not_after = issued.not_after();
  const std::string folder = fmt::format("{}/buildx/{}", login, name);
  RETURN_IF_ERROR(MakeFolders(folder, 0700));
  const TlsFiles files{folder + "/ca.pem", folder + "/cert.pem", folder + "/key.pem"};
  RETURN_IF_ERROR(WriteFileAtomic(files.key, made.key_pem, 0600));
  RETURN_IF_ERROR(WriteFileAtomic(files.certificate, issued.certificate(), 0600));
  // Where the operator gave the coordinator a certificate of another authority, the login has that one.
  std::string authorities = issued.authority();
  if (session.Login() && !session.Login()->ca_file.empty()) {
    ASSIGN_OR_RETURN(const std::string others, ReadFile(session.Login()->ca_file, 4 << 20));
    authorities += "\n" + others;
  }
  RETURN_IF_ERROR(WriteFileAtomic(files.authority, authorities, 0600));
  return files;
}

absl::Status RunBuildx(Session& session, const std::vector<std::string>& words) {
  ProcessOptions options;
  options.argv = words;
  options.time_limit = kAnswerPatience;
  ASSIGN_OR_RETURN(const ProcessResult result, session.env.RunProgram(options));
  if (result.exit_code == 0) return absl::OkStatus();
  std::string said = PrintableText(result.stderr_text, false);
  const bool exists = said.find("existing instance") != std::string::npos;
  return WithHint(
      absl::FailedPreconditionError(
          fmt::format("{} ended with {}: {}", words.front(), result.exit_code, said)),
      exists ? "`buildx rm NAME` removes the earlier one, or take another with --name" : "the line is above");
}

absl::StatusOr<int> SetUp(Session& session, const SetupFlags& flags) {
  ASSIGN_OR_RETURN(const BuildKitEndpoint endpoint, FindEndpoint(flags.address, session.Address()));
  // A name that buildx refuses is said before anything is made.
  RETURN_IF_ERROR(CreateArguments(flags.name, endpoint, std::nullopt).status());
  const std::optional<std::vector<std::string>> buildx = FindBuildx(session.env);
  if (!buildx && !flags.print) {
    return WithHint(
        absl::NotFoundError("there is neither `docker buildx` nor `buildx` on this machine"),
        "install Docker's buildx (it needs no Docker daemon), or print the line for another machine "
        "with --print");
  }
  std::optional<TlsFiles> files;
  int64_t not_after = 0;
  if (endpoint.tls) {
    ASSIGN_OR_RETURN(files, MakeTlsFiles(session, flags.name, &not_after));
  }
  ASSIGN_OR_RETURN(const std::vector<std::string> arguments, CreateArguments(flags.name, endpoint, files));
  std::vector<std::string> line = buildx.value_or(std::vector<std::string>{"docker", "buildx"});
  line.insert(line.end(), arguments.begin(), arguments.end());
  RETURN_IF_ERROR(session.Print(ShellLine(line) + "\n"));
  if (files) {
    session.Tell(fmt::format("crossmill: the certificate in {} is good until {}; run this again before\n",
                             files->certificate, FormatRfc3339(not_after)));
  }
  if (flags.print) return kExitOk;
  RETURN_IF_ERROR(RunBuildx(session, line));
  session.Tell(
      fmt::format("crossmill: builds of buildx go to {} now: docker buildx build .\n", endpoint.url));
  return kExitOk;
}

}  // namespace

void AddBuildxCommand(CLI::App& app, Session& session) {
  CLI::App* setup = app.add_subcommand(
      "buildx-setup",
      "Have Docker's own clients (buildx, bake, compose) build on the farm: docs/buildkit.md");
  auto flags = std::make_shared<SetupFlags>();
  setup->add_option("ADDRESS", flags->address,
                    "HOST[:PORT] or unix:/PATH of the farm's door for them [default: beside the coordinator: "
                    "its host, port 7778, or buildkit.sock in its data folder]");
  setup->add_option("--name", flags->name, "What buildx calls the farm [default: farm]");
  setup->add_flag("--print", flags->print, "Only print the line that tells buildx of it");
  setup->callback(
      [&session, flags] { session.command = [&session, flags] { return SetUp(session, *flags); }; });
}

}  // namespace crossmill::cli
