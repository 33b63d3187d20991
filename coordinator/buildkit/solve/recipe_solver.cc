#include "coordinator/buildkit/solve/recipe_solver.h"

#include <algorithm>

#include "common/base/json.h"
#include "common/base/status.h"
#include "common/base/utf8.h"
#include "common/check/check.h"
#include "common/check/known_base.h"
#include "common/words/platform.h"
#include "coordinator/buildkit/session/client_agents.h"
#include "coordinator/buildkit/session/client_credentials.h"
#include "coordinator/buildkit/session/client_secrets.h"
#include "coordinator/buildkit/solve/build_run.h"
#include "coordinator/buildkit/solve/recipe_calls.h"
#include "coordinator/buildkit/solve/solve_errors.h"
#include "coordinator/buildkit/solve/sources/added_sources.h"
#include "coordinator/rpc/peers/ownership.h"

namespace crossmill::coordinator::buildkit {
namespace {

// Documents of images are small.
constexpr int64_t kMostDocument = int64_t{4} << 20;
// Images that a policy puts in each other's place by what their names mean.
constexpr int kMostChoices = 10;

absl::Status AsCancelled(const absl::Status& status, const std::stop_token& stop) {
  return stop.stop_requested() && !status.ok() ? absl::CancelledError(kCancelledText) : status;
}

Json PlatformJson(const v1::Platform& platform) {
  Json json = {{"architecture", platform.architecture()}, {"os", platform.os()}};
  if (!platform.variant().empty()) json["variant"] = platform.variant();
  return json;
}

}  // namespace

std::vector<ExporterRequest> ExportersOf(const bk::SolveRequest& request) {
  std::vector<ExporterRequest> exporters;
  const auto add = [&](const std::string& type, const auto& attributes) {
    ExporterRequest exporter;
    exporter.index = static_cast<int>(exporters.size());
    exporter.type = type;
    exporter.attributes.insert(attributes.begin(), attributes.end());
    exporters.push_back(std::move(exporter));
  };
  for (const bk::Exporter& exporter : request.exporters()) add(exporter.type(), exporter.attrs());
  if (exporters.empty() && !request.exporterdeprecated().empty())
    add(request.exporterdeprecated(), request.exporterattrsdeprecated());
  return exporters;
}

std::shared_ptr<const FinishedBuild> BuildBehind(ClientBuilds& builds, const ClientBuild& build,
                                                 const gateway::Result& result) {
  const auto find = [&](const gateway::Ref& ref) -> std::shared_ptr<const FinishedBuild> {
    std::string id = ref.id();
    if (id.empty()) id = IdOfToken(ref.def()).value_or("");
    if (id.empty()) return nullptr;
    const std::shared_ptr<ClientResult> found = builds.FindResult(build.caller().key, id);
    return found == nullptr ? nullptr : found->built;
  };
  if (result.has_ref()) return find(result.ref());
  for (const auto& [platform, ref] : result.refs().refs()) {
    if (auto found = find(ref); found != nullptr) return found;
  }
  return nullptr;
}

absl::StatusOr<gateway::Result> RecipeSolver::Solve(const gateway::SolveRequest& request) {
  const AttributeMap given(request.frontendopt().begin(), request.frontendopt().end());
  const bk::SolveRequest& whole = build_.request();
  const std::set<std::string> entitlements(whole.entitlements().begin(), whole.entitlements().end());
  ASSIGN_OR_RETURN(const SolveAttributes attributes,
                   ReadAttributes(request.frontend(), given, entitlements, services_.build_platform));
  const DefinitionMap inputs(request.frontendinputs().begin(), request.frontendinputs().end());
  ASSIGN_OR_RETURN(SourcePolicy policy, PolicyOf(whole, request));
  choices_ = SourceChoices(std::move(policy));
  if (!attributes.request.empty()) return Answer(attributes, inputs);
  RETURN_IF_ERROR(CheckRequest(attributes));
  auto result = Build(attributes, inputs);
  if (!result.ok()) return AsCancelled(result.status(), stop_);
  return result;
}

absl::StatusOr<gateway::Result> RecipeSolver::Answer(const SolveAttributes& attributes,
                                                     const DefinitionMap& inputs) {
  check::CheckInput input;
  input.recipe = attributes.recipe;
  if (attributes.request != "frontend.subrequests.describe") {
    RecipeReader reader(services_, builds_, build_, attributes, inputs, choices_.policy(), stop_);
    RETURN_IF_ERROR(reader.ReadDefinition(&input.recipe));
  }
  CompleteInput(attributes.options, &input);
  ASSIGN_OR_RETURN(const CallAnswer answer, AnswerCall(attributes.request, input));
  gateway::Result result;
  result.mutable_ref();
  for (const auto& [key, value] : answer) (*result.mutable_metadata())[key] = value;
  return result;
}

void RecipeSolver::CompleteInput(const v1::BuildOptions& options, check::CheckInput* input) {
  input->has_ignore_file = !input->recipe.ignore_file_name().empty();
  input->platforms.assign(options.platforms().begin(), options.platforms().end());
  input->build_platform = services_.build_platform;
  const v1::Platform& platform = input->platforms.front();
  for (const std::string& reference : check::BasesOf(input->recipe, platform, input->build_platform)) {
    // What cannot be had is not known: a check is no reason to fail.
    plan::BaseNeed need;
    need.reference = reference;
    need.platform = platform;
    const auto pinned = PinChosen(need, false);
    if (!pinned.ok()) continue;
    std::optional<check::KnownBase> known = check::ReadKnownBase(pinned->config());
    if (known) input->bases[reference] = *std::move(known);
  }
}

absl::Status RecipeSolver::CheckRequest(const SolveAttributes& attributes) const {
  const std::vector<ExporterRequest> exporters = ExportersOf(build_.request());
  RETURN_IF_ERROR(CheckAttestations(attributes.attestations));
  return CheckExporters(exporters, static_cast<size_t>(attributes.options.platforms_size()),
                        build_.caller().roles);
}

void RecipeSolver::Warn(const SolveAttributes& attributes) {
  std::vector<std::string> warnings = attributes.warnings;
  const bk::CacheOptions& cache = build_.request().cache();
  if (cache.exports_size() > 0 || cache.imports_size() > 0) {
    warnings.push_back(
        "--cache-to and --cache-from are left out: every build of a project shares the farm's own cache");
  }
  if (warnings.empty()) return;
  const auto vertex = build_.board().Begin("[crossmill] options that change nothing here");
  for (const std::string& text : warnings) {
    vertex->Log(2, text + "\n");
    bk::VertexWarning warning;
    warning.set_vertex(vertex->digest());
    warning.set_level(1);
    warning.set_short_(text);
    build_.board().TellWarning(warning);
  }
  vertex->End();
}

void RecipeSolver::TellFindings(const v1::Recipe& recipe, const v1::BuildOptions& options,
                                const std::string& vertex) {
  check::CheckInput input;
  input.recipe = recipe;
  CompleteInput(options, &input);
  for (const check::Finding& finding : FindingsForClients(input)) {
    bk::VertexWarning warning;
    warning.set_vertex(vertex);
    warning.set_level(1);
    std::string text = fmt::format("{}: {}", finding.rule, finding.message);
    if (finding.line > 0) text += fmt::format(" (line {})", finding.line);
    warning.set_short_(ValidUtf8(text));
    if (!finding.why.empty()) *warning.add_detail() = ValidUtf8(finding.why);
    warning.set_url(RuleUrl(finding.rule));
    if (finding.line > 0 && finding.masked.empty()) {
      warning.mutable_info()->set_filename(finding.file);
      warning.mutable_info()->set_data(recipe.dockerfile());
      warning.mutable_info()->set_language("Dockerfile");
      pb::Range& range = *warning.add_ranges();
      range.mutable_start()->set_line(static_cast<int32_t>(finding.line));
      range.mutable_end()->set_line(static_cast<int32_t>(std::max(finding.line, finding.end_line)));
    }
    build_.board().TellWarning(warning);
  }
}

absl::StatusOr<std::shared_ptr<ClientSession>> RecipeSolver::Session() const {
  return services_.sessions.Wait(build_.request().session(), build_.caller().key, kSessionPatience, stop_);
}

// What the farm may not read the client may, perhaps.
absl::StatusOr<v1::PinnedImage> RecipeSolver::PinOrPull(const plan::BaseNeed& need, bool refresh) {
  const std::string& project = build_.caller().roles.project;
  auto pinned = services_.images.Pin(need.reference, need.platform, refresh, stop_, project);
  const bool other_may = absl::IsPermissionDenied(pinned.status()) ||
                         absl::IsUnauthenticated(pinned.status()) || absl::IsNotFound(pinned.status());
  if (!other_may) return pinned;
  const auto reference = oci::ParseReference(need.reference);
  const auto session = Session();
  if (!reference.ok() || !session.ok()) return pinned;
  const ClientCredentials credentials = CredentialsOfClient(*session, reference->registry);
  if (credentials.empty()) return pinned;
  registry::PullOptions options;
  options.platforms = {need.platform};
  options.stop = stop_;
  const auto pulled =
      services_.images.Pull(need.reference, options, credentials, AuthorOf(build_.caller().roles));
  if (!pulled.ok()) return absl::IsCancelled(pulled.status()) ? pulled.status() : pinned.status();
  return services_.images.Pin(need.reference, need.platform, false, stop_, project);
}

absl::StatusOr<v1::PinnedImage> RecipeSolver::PinChosen(const plan::BaseNeed& need, bool refresh) {
  if (choices_.policy().empty()) return PinOrPull(need, refresh);
  plan::BaseNeed wanted = need;
  wanted.reference = choices_.KnownImage(need.reference);
  ASSIGN_OR_RETURN(wanted.reference, ChooseImage(choices_.policy(), wanted.reference, "", refresh));
  for (int round = 0; round < kMostChoices; ++round) {
    ASSIGN_OR_RETURN(const v1::PinnedImage pinned, PinOrPull(wanted, refresh));
    ASSIGN_OR_RETURN(oci::Reference reference, oci::ParseReference(wanted.reference));
    if (reference.digest.empty()) {
      ASSIGN_OR_RETURN(const ImageRecord image,
                       services_.images.Get(wanted.reference, ScopeOf(build_.caller().roles)));
      reference.digest = image.root.Oci();
    }
    // What a name means is known only now, and judged once more.
    ASSIGN_OR_RETURN(const std::string chosen,
                     ChooseImage(choices_.policy(), wanted.reference, reference.digest, refresh));
    if (chosen == wanted.reference) {
      // What was judged is what is built upon, whatever the name means later.
      choices_.SetImage(need.reference, reference.ToString());
      return pinned;
    }
    wanted.reference = chosen;
  }
  return absl::InvalidArgumentError(
      fmt::format("source policy: its rules put ever other images in the place of {}", need.reference));
}

absl::StatusOr<v1::PinnedImage> RecipeSolver::Pin(const plan::BaseNeed& need,
                                                  const v1::BuildOptions& options) {
  if (!need.root.empty()) return services_.images.PinRoot(need.root, need.platform, need.reference);
  const auto reference = oci::ParseReference(need.reference);
  const std::shared_ptr<ProgressVertex> vertex = build_.board().Begin(
      fmt::format("[{}internal] load metadata for {}",
                  options.platforms_size() > 1 ? FormatPlatform(need.platform) + " " : "",
                  reference.ok() ? reference->ToString() : need.reference));
  auto pinned = PinChosen(need, options.pull());
  if (pinned.ok()) {
    if (const std::string& chosen = choices_.KnownImage(need.reference); chosen != need.reference)
      vertex->Log(1, fmt::format("source policy: {} is taken\n", chosen));
    vertex->End();
    return pinned;
  }
  const v1::SourceRange& range = need.range;
  const absl::Status status(
      pinned.status().code(),
      Av(fmt::format("{}:{}:{}: {}{}", range.file(), range.first_line(), std::max(range.column(), 1u),
                     Sv(pinned.status().message()), need.suggestion)));
  vertex->Fail(Sv(status.message()));
  return status;
}

absl::Status RecipeSolver::AddSupplies(const RecipePreview& preview, v1::SubmitBuildRequest* request,
                                       std::set<std::string>* agents) {
  if (preview.secret_ids.empty() && preview.ssh_ids.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::shared_ptr<ClientSession> session, Session());
  v1::BuildOptions& options = *request->mutable_submission()->mutable_options();
  ASSIGN_OR_RETURN(const WipedSecrets<v1::Secret> secrets,
                   ReadClientSecrets(*session, preview.secret_ids, stop_));
  for (const v1::Secret& secret : secrets) {
    options.add_secret_ids(secret.id());
    *request->add_secrets() = secret;
  }
  for (const std::string& id : preview.ssh_ids) {
    ASSIGN_OR_RETURN(const std::string missing, MissingAgents(*session, {id}, stop_));
    if (!missing.empty()) continue;
    options.add_ssh_ids(id);
    agents->insert(id);
  }
  return absl::OkStatus();
}

absl::StatusOr<gateway::Result> RecipeSolver::Build(const SolveAttributes& attributes,
                                                    const DefinitionMap& inputs) {
  Warn(attributes);
  const FarmCaller farm(services_.farm, services_.authenticator.Lend(build_.caller().roles));
  v1::SubmitBuildRequest request;
  v1::BuildSubmission& submission = *request.mutable_submission();
  v1::Recipe& recipe = *submission.mutable_recipe();
  recipe = attributes.recipe;
  *submission.mutable_options() = attributes.options;
  submission.set_traceparent(traceparent_);
  v1::BuildOptions& options = *submission.mutable_options();
  for (const ExporterRequest& exporter : ExportersOf(build_.request())) {
    const auto names = exporter.attributes.find("name");
    if (exporter.type != "image" || names == exporter.attributes.end()) continue;
    for (const std::string& name : ReadCsv(names->second)) {
      if (!name.empty() && name != "*") options.add_tags(name);
    }
  }
  RecipeReader reader(services_, builds_, build_, attributes, inputs, choices_.policy(), stop_);
  RETURN_IF_ERROR(reader.ReadDefinition(&recipe));
  const auto with_place = [&](const absl::Status& status) {
    return WithPlaceOfMessage(status, recipe.dockerfile_name(), recipe.dockerfile());
  };
  RETURN_IF_ERROR(reader.ReadNamed(&recipe));
  const auto preview = PreviewRecipe(
      recipe, options, services_.build_platform, services_.planning,
      [&](const plan::BaseNeed& need) { return Pin(need, options); }, stop_);
  if (!preview.ok()) return with_place(preview.status());
  for (const v1::Step& step : preview->remote_steps) RETURN_IF_ERROR(with_place(choices_.ChooseFor(step)));
  choices_.AddTo(&submission);
  RETURN_IF_ERROR(
      with_place(FetchAdded(services_, build_, preview->remote_steps, choices_, stop_, &submission)));
  TellFindings(recipe, options, reader.definition_vertex());
  RETURN_IF_ERROR(reader.ReadContext(*preview, &recipe));
  std::set<std::string> agents;
  RETURN_IF_ERROR(AddSupplies(*preview, &request, &agents));
  const BuildRun run{
      farm,
      build_.board(),
      services_.place_of_build,
      recipe.dockerfile_name(),
      recipe.dockerfile(),
      stop_,
      attributes.choices.detached,
      [this](int64_t build) { build_.AddBuild(build); },
      [this](const BuildVertices& seen) { build_.AddSteps(seen.total(), seen.cached(), seen.completed()); }};
  const auto attach = [&](int64_t build) -> absl::StatusOr<std::shared_ptr<void>> {
    if (agents.empty()) return std::shared_ptr<void>();
    ASSIGN_OR_RETURN(const std::shared_ptr<ClientSession> session, Session());
    ASSIGN_OR_RETURN(std::unique_ptr<ClientAgents> offered,
                     ClientAgents::Offer(session, services_.farm, farm.token(), build, agents));
    return std::shared_ptr<void>(std::move(offered));
  };
  ASSIGN_OR_RETURN(const v1::BuildView view, RunBuild(run, &request, attach));
  TellEnd(run, view);
  if (const std::string unmet = UnmetBy(view, attributes.choices.requirement); !unmet.empty()) {
    return absl::FailedPreconditionError(fmt::format("{} ({})", unmet, services_.place_of_build(view.id())));
  }
  return ResultOf(view, attributes);
}

// The config document of a platform's image.
absl::StatusOr<std::string> RecipeSolver::ConfigOf(const Digest& manifest) {
  if (manifest.size > kMostDocument) return absl::DataLossError("a manifest is too large");
  ASSIGN_OR_RETURN(const std::string document, services_.blobs.Get(manifest));
  ASSIGN_OR_RETURN(const Json json, ParseJson(document));
  if (!json.contains("config") || !json["config"].is_object())
    return absl::DataLossError("a manifest has no config");
  ASSIGN_OR_RETURN(const std::string hash, HashOfOci(TextMember(json["config"], "digest")));
  const Digest config{hash, json["config"].value("size", int64_t{0})};
  if (config.size > kMostDocument) return absl::DataLossError("an image's config is too large");
  return services_.blobs.Get(config);
}

absl::StatusOr<gateway::Result> RecipeSolver::ResultOf(const v1::BuildView& view,
                                                       const SolveAttributes& attributes) {
  auto finished = std::make_shared<FinishedBuild>();
  finished->view = view;
  BuiltImage& image = finished->image;
  image.build = view.id();
  image.always_index = attributes.always_index;
  image.epoch = view.epoch();
  image.attestations = attributes.attestations;
  for (const v1::CellView& cell : view.cells())
    image.platforms.push_back({cell.platform(), FromProto(cell.image_manifest())});
  if (image.platforms.empty()) return absl::InternalError("the build has no image");
  if (view.index_digest().empty()) {
    image.root = image.platforms.front().manifest;
  } else {
    ASSIGN_OR_RETURN(const ImageRecord record,
                     services_.images.Get(view.index_digest(), ScopeOf(build_.caller().roles)));
    image.root = record.root;
  }
  gateway::Result result;
  const bool several = image.platforms.size() > 1 || attributes.always_index;
  Json platforms = Json::array();
  for (const BuiltPlatform& each : image.platforms) {
    const std::shared_ptr<ClientResult> kept = NewResult();
    kept->built = finished;
    kept->platform = each.platform;
    build_.Keep(kept);
    gateway::Ref ref;
    ref.set_id(kept->id);
    *ref.mutable_def() = TokenFor(kept->id);
    ASSIGN_OR_RETURN(const std::string config, ConfigOf(each.manifest));
    const std::string name = FormatPlatform(each.platform);
    (*result.mutable_metadata())[several ? "containerimage.config/" + name : "containerimage.config"] =
        config;
    platforms.push_back({{"ID", name}, {"Platform", PlatformJson(each.platform)}});
    if (several) {
      (*result.mutable_refs()->mutable_refs())[name] = std::move(ref);
    } else {
      *result.mutable_ref() = std::move(ref);
    }
  }
  (*result.mutable_metadata())["refs.platforms"] = WriteJson(Json{{"Platforms", std::move(platforms)}});
  return result;
}

}  // namespace crossmill::coordinator::buildkit
