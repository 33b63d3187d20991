#include "cli/reproduce/reproduction.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "cli/images/image_inspect.h"
#include "cli/images/image_pair.h"
#include "cli/images/image_transfer.h"
#include "cli/recipe/build_context.h"
#include "cli/reproduce/render_reproduction.h"
#include "cli/session/build_follow.h"
#include "cli/session/build_session.h"
#include "cli/session/submission.h"
#include "cli/show/exit_codes.h"
#include "cli/show/render_build.h"
#include "common/oci/reference.h"
#include "common/plan/variation.h"
#include "common/words/platform.h"

namespace crossmill::cli {
namespace {

// Of the file systems all differences are needed, to tell times from contents.
constexpr size_t kAllPaths = 10'000'000;

// One run of the command. The members are what its phases hand on.
class Reproducing {
 public:
  Reproducing(Session& session, const ReproductionFlags& flags) : session_(session), flags_(flags) {}

  absl::StatusOr<int> Run() {
    ASSIGN_OR_RETURN(reproduction_.required, ParseImageLevel(flags_.level));
    ASSIGN_OR_RETURN(const ProgressMode mode, ParseProgress(flags_.progress));
    ASSIGN_OR_RETURN(farm_, session_.Connect());
    progress_ = MakeProgress(session_, mode);
    RETURN_IF_ERROR(ReadImage());
    RETURN_IF_ERROR(ReadRecipe());
    RETURN_IF_ERROR(ReadOffers());
    const auto built = Build(mode != ProgressMode::kQuiet);
    progress_->Finish();
    if (!built.ok()) return built.status();
    reproduction_.build = *built;
    // Nothing is said of the image then.
    if (built->status() != v1::BUILD_STATUS_SUCCEEDED) return Tell();
    return Compare(*built);
  }

 private:
  // Pulls it if the store lacks it, and reads the statements of its registry.
  absl::Status ReadImage() {
    auto found = InspectImage(session_, flags_.image, std::nullopt);
    // What a registry's name means may have changed since it was pulled.
    const bool of_registry =
        found.ok() && found->image.origin() == "registry" && !flags_.image.starts_with("sha256:");
    if (absl::IsNotFound(found.status()) || of_registry) {
      v1::PullImageRequest request;
      request.set_reference(flags_.image);
      for (auto& each : OwnCredentials(session_, flags_.image, *progress_))
        *request.add_credentials() = std::move(each);
      ASSIGN_OR_RETURN(const v1::ImageView pulled, PullImage(session_, request, *progress_));
      found = InspectImage(session_, pulled.digest(), std::nullopt);
    }
    if (!found.ok()) return found.status();
    image_ = *std::move(found);
    if (!flags_.platform.empty()) {
      ASSIGN_OR_RETURN(const v1::Platform wanted, ParsePlatform(flags_.platform));
      std::erase_if(image_.platforms,
                    [&](const InspectedPlatform& each) { return !SamePlatform(each.platform, wanted); });
      if (image_.platforms.empty()) {
        return absl::NotFoundError(
            fmt::format("{} has no {} in the farm's store", flags_.image, oci::PlatformText(wanted)));
      }
    }
    NamePublished();
    return ReadStatements();
  }

  // Those of the very image that is compared: a tag may mean another one by now.
  absl::Status ReadStatements() {
    const std::string named = flags_.image.starts_with("sha256:") ? image_.image.name() : flags_.image;
    auto reference = oci::ParseReference(named);
    // An image without a name came from no registry that could be asked.
    if (!reference.ok() || image_.image.origin() != "registry") {
      progress_->Note("the image is not from a registry: only its labels can say how it was made");
      statements_.set_digest(image_.image.digest());
      return absl::OkStatus();
    }
    reference->tag.clear();
    reference->digest = image_.image.digest();
    v1::ReadStatementsRequest request;
    request.set_reference(reference->ToString());
    request.set_predicate(std::string(attest::kProvenancePredicates));
    for (auto& each : OwnCredentials(session_, request.reference(), *progress_))
      *request.add_credentials() = std::move(each);
    ASSIGN_OR_RETURN(statements_,
                     session_.Call(*farm_->images, &v1::Images::StubInterface::ReadStatements, request));
    for (const std::string& each : statements_.left_out())
      progress_->Note(fmt::format("not read of the image's statements: {}", each));
    return absl::OkStatus();
  }

  absl::Status ReadRecipe() {
    ASSIGN_OR_RETURN(PublishedRecipe published, FindPublishedRecipe(image_.platforms, statements_));
    TakeOverrides(flags_.overrides, &published.recipe);
    ASSIGN_OR_RETURN(build_flags_, FlagsOf(published, flags_.overrides, image_.platforms));
    if (flags_.hosts > 1) build_flags_.verify = static_cast<int>(flags_.hosts);
    build_flags_.allow_same_host = flags_.allow_same_host;
    if (!flags_.vary.empty()) build_flags_.vary = flags_.vary;
    const RecipeOverrides& given = flags_.overrides;
    if (!given.context.empty()) reproduction_.overrides.push_back("--context " + given.context);
    if (!given.file.empty()) reproduction_.overrides.push_back("--file " + given.file);
    for (const std::string& each : given.build_args)
      reproduction_.overrides.push_back("--build-arg " + each.substr(0, each.find('=')));
    reproduction_.pins = std::move(published.pins);
    reproduction_.named = std::move(published.named);
    reproduction_.hosts = flags_.hosts;
    reproduction_.recipe = std::move(published.recipe);
    return absl::OkStatus();
  }

  // Values of secrets are in no statement.
  absl::Status ReadOffers() {
    ASSIGN_OR_RETURN(offers_.secrets, ReadSecrets(flags_.secrets, session_.env));
    ASSIGN_OR_RETURN(agents_, LocalAgents::Start(flags_.agents, session_.env));
    offers_.agent_sockets = agents_->sockets();
    attest::ProvenanceRecipe& recipe = reproduction_.recipe;
    RETURN_IF_ERROR(CheckGivenAgain(offers_, recipe.secrets, recipe.agents));
    for (const std::string& id : recipe.optional_secrets) {
      if (!offers_.HasSecret(id)) recipe.gaps.push_back(fmt::format("secret {} may have been given", id));
    }
    for (const std::string& id : recipe.optional_agents) {
      if (!offers_.HasAgent(id)) recipe.gaps.push_back(fmt::format("ssh agent {} may have been given", id));
    }
    return absl::OkStatus();
  }

  absl::Status ReadContext(v1::BuildSubmission* submission) {
    ContextFlags context{build_flags_.context, build_flags_.file, build_flags_.build_contexts};
    context.foreign_context = flags_.overrides.context.empty();
    context.foreign_named = true;
    ASSIGN_OR_RETURN(context_, BuildContext::Make(session_, std::move(context)));
    ASSIGN_OR_RETURN(const EpochChoice epoch, ParseEpoch(build_flags_.source_date_epoch, std::nullopt));
    ASSIGN_OR_RETURN(*submission->mutable_options(),
                     MakeBuildOptions(build_flags_, image_.platforms.front().platform, epoch));
    v1::Recipe* recipe = submission->mutable_recipe();
    recipe->set_target(build_flags_.target);
    RETURN_IF_ERROR(AddBuildArguments(
        build_flags_.build_args, [](const std::string&) { return std::optional<std::string>(); }, recipe));
    RETURN_IF_ERROR(context_->Read(*progress_, recipe));
    RETURN_IF_ERROR(context_->Send(*farm_, *progress_, submission->options().keep_times(), recipe));
    AddContentGaps(*recipe);
    for (const v1::Secret& secret : offers_.secrets)
      submission->mutable_options()->add_secret_ids(secret.id());
    for (const auto& [id, socket] : offers_.agent_sockets) submission->mutable_options()->add_ssh_ids(id);
    return absl::OkStatus();
  }

  // What the recipe tells by its content, and what was sent now.
  void AddContentGaps(const v1::Recipe& sent) {
    attest::ProvenanceRecipe& told = reproduction_.recipe;
    const auto compare = [&told](std::string_view what, const std::string& then, const std::string& now) {
      if (!then.empty() && then != now)
        told.gaps.push_back(
            fmt::format("the {} that was sent now is not the one of then ({}, then {})", what, now, then));
    };
    compare("context", told.context_tree, sent.context_root().hash());
    compare("Dockerfile", told.dockerfile_sha256, Sha256Hex(sent.dockerfile()));
  }

  absl::StatusOr<int64_t> Submit() {
    v1::SubmitBuildRequest request;
    const AtScopeEnd wiped([&request] { WipeValues(request.mutable_secrets()); });
    RETURN_IF_ERROR(ReadContext(request.mutable_submission()));
    for (const v1::Secret& secret : offers_.secrets) *request.add_secrets() = secret;
    ASSIGN_OR_RETURN(const v1::SubmitBuildResponse response, SubmitOnce(session_, *farm_, request));
    return response.build_id();
  }

  absl::StatusOr<v1::BuildView> Build(bool logs) {
    FollowOptions follow;
    follow.logs = logs;
    ASSIGN_OR_RETURN(const BuildModel model, FollowOffered(session_, *farm_, *progress_, follow, offers_,
                                                           [this] { return Submit(); }));
    return GetBuild(session_, std::to_string(model.view().id()));
  }

  absl::StatusOr<int> Tell() {
    if (session_.json) {
      RETURN_IF_ERROR(session_.PrintJson(ReproductionJson(reproduction_)));
    } else {
      RETURN_IF_ERROR(session_.Print(RenderReproduction(reproduction_, session_.OutText(), flags_.paths)));
    }
    return ReproductionExitCode(reproduction_);
  }

  void NamePublished() {
    reproduction_.pair.first = image_.image;
    if (!flags_.image.starts_with("sha256:")) reproduction_.pair.first.set_name(flags_.image);
  }

  absl::StatusOr<int> Compare(const v1::BuildView& built) {
    std::optional<v1::Platform> platform;
    if (image_.platforms.size() == 1) platform = image_.platforms.front().platform;
    ASSIGN_OR_RETURN(reproduction_.pair, CompareImages(session_, image_.image.digest(), built.index_digest(),
                                                       platform, kAllPaths));
    NamePublished();
    return Tell();
  }

  Session& session_;
  const ReproductionFlags& flags_;
  Farm* farm_ = nullptr;
  std::unique_ptr<Progress> progress_;
  InspectedImage image_;
  v1::ReadStatementsResponse statements_;
  BuildFlags build_flags_;
  std::unique_ptr<LocalAgents> agents_;
  ClientOffers offers_;
  std::unique_ptr<BuildContext> context_;
  Reproduction reproduction_;
};

}  // namespace

absl::StatusOr<int> ReproduceImage(Session& session, const ReproductionFlags& flags) {
  return Reproducing(session, flags).Run();
}

absl::StatusOr<int64_t> BuildOfImage(Session& session, const std::string& image) {
  ASSIGN_OR_RETURN(Farm * farm, session.Connect());
  v1::GetImageRequest request;
  request.set_name(image);
  const auto found = session.Call(*farm->images, &v1::Images::StubInterface::GetImage, request);
  if (absl::IsNotFound(found.status())) return 0;
  if (!found.ok()) return found.status();
  return found->image().build_id();
}

}  // namespace crossmill::cli
