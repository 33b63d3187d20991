#include "cli/recipe/check_packages.h"

#include <grpcpp/client_context.h>

#include <algorithm>
#include <chrono>
#include <string>

#include "common/base/digest.h"
#include "common/base/json.h"
#include "common/oci/reference.h"

namespace crossmill::cli {
namespace {

// All of it: a check is no build, but the package index may have to be asked.
constexpr auto kIndexPatience = std::chrono::seconds(15);
constexpr size_t kMostRequirements = 200;

// A recipe that installs each requirement by itself, from line 2 on: one that nothing fits hides no other.
std::string RecipeFor(const std::string& base, const std::vector<std::string>& requirements) {
  std::string text = fmt::format("FROM {}\n", base);
  for (const std::string& requirement : requirements)
    text += fmt::format("RUN {}\n", WriteJson(Json{"pip", "install", "--no-deps", requirement}));
  return text;
}

void TakeInstall(const v1::PredictedInstall& install, check::MuslAnswer& worst) {
  if (install.unknown()) return;
  check::MuslAnswer answer;
  if (!install.solved()) answer.kind = check::MuslAnswer::Kind::kNone;
  for (const v1::PredictedPackage& package : install.packages()) {
    if (package.scope() != "runtime") continue;
    if (package.outcome() == v1::OUTCOME_SOURCE) answer.kind = check::MuslAnswer::Kind::kSource;
    if (!package.help().empty()) answer.help = package.help(0);
  }
  if (answer.kind > worst.kind) worst = std::move(answer);
}

absl::StatusOr<v1::Forecast> Ask(Farm& farm, const v1::PredictRequest& request,
                                 std::chrono::system_clock::time_point deadline) {
  grpc::ClientContext context;
  context.set_deadline(deadline);
  const auto reader = farm.predictions->Predict(&context, request);
  v1::PredictResponse response;
  v1::Forecast forecast;
  while (reader->Read(&response)) {
    if (response.has_forecast()) forecast = std::move(*response.mutable_forecast());
  }
  const absl::Status status = rpc::FromGrpc(reader->Finish());
  if (!status.ok()) return status;
  return forecast;
}

}  // namespace

std::map<check::MuslQuestion, check::MuslAnswer> AskForMuslWheels(
    Session& session, const std::vector<check::MuslQuestion>& questions,
    absl::Span<const v1::Platform> platforms) {
  std::map<check::MuslQuestion, check::MuslAnswer> answers;
  std::map<std::string, std::vector<std::string>> by_base;
  for (const auto& [base, requirement] : questions) {
    std::vector<std::string>& requirements = by_base[base];
    if (oci::ParseReference(base).ok() && requirements.size() < kMostRequirements)
      requirements.push_back(requirement);
  }
  if (by_base.empty()) return answers;
  const auto farm = session.Connect();
  if (!farm.ok()) return answers;
  const auto deadline = std::chrono::system_clock::now() + kIndexPatience;
  for (const auto& [base, requirements] : by_base) {
    v1::PredictRequest request;
    v1::BuildSubmission& submission = *request.mutable_submission();
    submission.mutable_recipe()->set_dockerfile(RecipeFor(base, requirements));
    submission.mutable_recipe()->set_dockerfile_name("check");
    // An empty folder, which every store has.
    ToProto(DigestOf(""), submission.mutable_recipe()->mutable_context_root());
    for (const v1::Platform& platform : platforms) *submission.mutable_options()->add_platforms() = platform;
    submission.mutable_options()->set_network(v1::NETWORK_MODE_RECORDED);
    const auto forecast = Ask(**farm, request, deadline);
    if (!forecast.ok()) continue;
    for (const v1::PlatformPrediction& platform : forecast->prediction().platforms()) {
      for (const v1::PredictedStep& step : platform.steps()) {
        const size_t index = step.line() - 2;
        if (index >= requirements.size() || step.installs_size() != 1 || step.installs(0).unknown()) continue;
        TakeInstall(step.installs(0), answers[{base, requirements[index]}]);
      }
    }
  }
  return answers;
}

}  // namespace crossmill::cli
