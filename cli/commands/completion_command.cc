#include "cli/commands/completion_command.h"

#include <grpcpp/client_context.h>

#include <CLI/CLI.hpp>
#include <chrono>

#include "cli/commands/commands.h"
#include "cli/commands/completion.h"
#include "cli/show/exit_codes.h"
#include "common/words/words.h"

namespace crossmill::cli {
namespace {

// Somebody has pressed Tab and waits.
constexpr auto kPatience = std::chrono::milliseconds(700);
constexpr int kBuildsOffered = 30;

template <typename Stub, typename Request, typename Response>
bool Ask(Stub& stub, grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
         const Request& request, Response* response) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kPatience);
  return (stub.*method)(&context, request, response).ok();
}

std::vector<Candidate> OfferBuilds(Session& session) {
  std::vector<Candidate> candidates;
  const auto farm = session.Connect();
  v1::ListBuildsRequest request;
  request.set_page_size(kBuildsOffered);
  v1::ListBuildsResponse response;
  if (!farm.ok() || !Ask(*(*farm)->builds, &v1::Builds::StubInterface::ListBuilds, request, &response))
    return candidates;
  for (const v1::BuildView& build : response.builds()) {
    std::string what = fmt::format("{} {}", Word(build.status()), build.dockerfile_name());
    for (const std::string& tag : build.options().tags()) what += " " + tag;
    candidates.push_back({std::to_string(build.id()), std::move(what)});
  }
  return candidates;
}

std::vector<Candidate> OfferImages(Session& session) {
  std::vector<Candidate> candidates;
  const auto farm = session.Connect();
  v1::ListImagesResponse response;
  if (!farm.ok() ||
      !Ask(*(*farm)->images, &v1::Images::StubInterface::ListImages, v1::ListImagesRequest(), &response)) {
    return candidates;
  }
  for (const v1::ImageView& image : response.images()) candidates.push_back({image.name(), image.origin()});
  return candidates;
}

}  // namespace

int AnswerCompletion(const CLI::App& app, Session& session, const std::vector<std::string>& words) {
  const GivenOptions given = ReadGivenOptions(app, words);
  const auto take = [&](const char* name, std::string& value) {
    if (const auto found = given.find(name); found != given.end()) value = found->second;
  };
  take("--coordinator", session.coordinator);
  take("--token-file", session.token_file);
  take("--ca-file", session.ca_file);
  take("--data", session.data);
  // Nobody who presses Tab waits for that.
  session.reconnect_for = "0s";
  const Completion completion =
      Complete(app, words, {[&] { return OfferBuilds(session); }, [&] { return OfferImages(session); }});
  std::string text = completion.files ? "files\n" : completion.folders ? "folders\n" : "none\n";
  for (const Candidate& candidate : completion.candidates)
    text += fmt::format("{}\t{}\n", Printable(candidate.value), Printable(candidate.description));
  return session.Print(text).ok() ? kExitOk : kExitInfrastructure;
}

void AddCompletionCommand(CLI::App& app, Session& session) {
  CLI::App* command = app.add_subcommand("completion", "Print a shell's completion script");
  auto shell = std::make_shared<std::string>();
  command->add_option("shell", *shell, "source <(crossmill completion bash)")
      ->type_name("bash|zsh|fish")
      ->required();
  command->callback([&session, shell] {
    session.command = [&session, shell]() -> absl::StatusOr<int> {
      const std::string_view script = CompletionScript(*shell);
      if (script.empty())
        return absl::InvalidArgumentError(fmt::format("completion {}: expected bash, zsh or fish", *shell));
      RETURN_IF_ERROR(session.Print(script));
      return kExitOk;
    };
  });
}

}  // namespace crossmill::cli
