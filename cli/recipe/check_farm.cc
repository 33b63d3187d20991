#include "cli/recipe/check_farm.h"

#include <grpcpp/client_context.h>

#include <algorithm>
#include <chrono>
#include <set>

#include "absl/strings/str_split.h"
#include "common/check/known_base.h"
#include "common/dockerfile/outline.h"
#include "common/oci/image.h"
#include "common/oci/reference.h"

namespace crossmill::cli {
namespace {

// All calls together get this long: a check is no build.
constexpr auto kPatience = std::chrono::seconds(3);
// More builds say nothing new.
constexpr int kBuildsListed = 60;
constexpr int kBuildsRead = 20;

class FarmReader {
 public:
  explicit FarmReader(Farm& farm) : farm_(farm), deadline_(std::chrono::system_clock::now() + kPatience) {}

  void ReadHistory(const std::string& dockerfile_name, const std::string& dockerfile,
                   check::History& history) {
    const std::set<std::string> texts = StepTexts(dockerfile_name, dockerfile);
    if (texts.empty()) return;
    v1::ListBuildsRequest request;
    request.set_page_size(kBuildsListed);
    v1::ListBuildsResponse builds;
    if (!Call(*farm_.builds, &v1::Builds::StubInterface::ListBuilds, request, &builds)) return;
    int read = 0;
    bool packages = false;
    for (const v1::BuildView& row : builds.builds()) {
      if (row.dockerfile_name() != dockerfile_name || read == kBuildsRead) continue;
      v1::GetBuildRequest get;
      get.set_build_id(row.id());
      v1::BuildView build;
      if (!Call(*farm_.builds, &v1::Builds::StubInterface::GetBuild, get, &build)) return;
      if (!IsAlike(build, texts)) continue;
      ++read;
      AddBuild(build, history);
      // Only the newest: what is compiled changes with the packages' releases.
      if (!std::exchange(packages, true)) AddPackages(build, history);
    }
  }

  void ReadBase(const std::string& reference, const std::map<std::string, v1::ImageView>& images,
                std::map<std::string, check::KnownBase, std::less<>>& bases) {
    const auto parsed = oci::ParseReference(reference);
    if (!parsed.ok()) return;
    const auto image = images.find(parsed->ToString());
    if (image == images.end()) return;
    v1::GetImageRequest request;
    request.set_name(image->first);
    v1::GetImageResponse response;
    if (!Call(*farm_.images, &v1::Images::StubInterface::GetImage, request, &response)) return;
    auto config = ReadConfig(FromProto(response.root()));
    if (!config) return;
    for (const v1::Platform& platform : image->second.platforms()) config->platforms.push_back(platform);
    bases[reference] = *std::move(config);
  }

  std::map<std::string, v1::ImageView> Images() {
    std::map<std::string, v1::ImageView> images;
    v1::ListImagesRequest request;
    request.set_page_size(1000);
    do {
      v1::ListImagesResponse response;
      if (!Call(*farm_.images, &v1::Images::StubInterface::ListImages, request, &response)) return images;
      // The farm shows short names; a Dockerfile's reference is compared as what it means.
      for (const v1::ImageView& image : response.images()) {
        const auto name = oci::ParseReference(image.name());
        images[name.ok() ? name->ToString() : image.name()] = image;
      }
      request.set_page_token(response.next_page_token());
    } while (!request.page_token().empty());
    return images;
  }

 private:
  template <typename Stub, typename Request, typename Response>
  bool Call(Stub& stub, grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
            const Request& request, Response* response) {
    grpc::ClientContext context;
    context.set_deadline(deadline_);
    return (stub.*method)(&context, request, response).ok();
  }

  // "RUN ...", blanks normalised.
  static std::set<std::string> StepTexts(const std::string& name, const std::string& dockerfile) {
    std::set<std::string> texts;
    const auto outline = dockerfile::ReadOutline(name, dockerfile);
    if (!outline.ok()) return texts;
    for (const dockerfile::Stage& stage : outline->stages) {
      for (const dockerfile::Instruction* instruction : stage.body) {
        const dockerfile::Keyword keyword = instruction->keyword();
        if (keyword == dockerfile::Keyword::kRun || keyword == dockerfile::Keyword::kCopy ||
            keyword == dockerfile::Keyword::kAdd)
          texts.insert(check::History::Normalised(instruction->text));
      }
    }
    return texts;
  }

  static bool IsAlike(const v1::BuildView& build, const std::set<std::string>& texts) {
    std::set<std::string> theirs;
    for (const v1::StageView& stage : build.stages()) {
      for (const v1::StepView& step : stage.steps()) theirs.insert(check::History::Normalised(step.text()));
    }
    const auto shared = std::count_if(texts.begin(), texts.end(),
                                      [&](const std::string& text) { return theirs.contains(text); });
    return static_cast<size_t>(shared) * 2 >= texts.size();
  }

  static void AddBuild(const v1::BuildView& build, check::History& history) {
    for (const v1::StageView& stage : build.stages()) {
      for (const v1::StepView& step : stage.steps()) {
        check::PastStep past;
        past.build = build.id();
        past.stage = stage.name();
        past.text = step.text();
        past.executed = step.status() == v1::STEP_STATUS_EXECUTED;
        past.seconds = step.seconds();
        past.bytes = step.content_bytes();
        past.execution = step.execution();
        history.Add(std::move(past));
      }
    }
  }

  void AddPackages(const v1::BuildView& build, check::History& history) {
    v1::ListPackagesRequest request;
    request.set_build_id(build.id());
    v1::ListPackagesResponse response;
    if (!Call(*farm_.builds, &v1::Builds::StubInterface::ListPackages, request, &response)) return;
    for (const v1::PackageRow& row : response.rows()) {
      check::PastPackage past;
      past.name = row.package().name();
      past.stage = row.stage_name();
      past.source = row.package().outcome() == v1::OUTCOME_SOURCE ||
                    row.package().outcome() == v1::OUTCOME_SOURCE_CACHED;
      past.failed = row.package().outcome() == v1::OUTCOME_FAILED;
      past.seconds = std::max(0.0, row.package().seconds());
      for (const v1::StageView& stage : build.stages()) {
        if (stage.index() != row.stage()) continue;
        for (const v1::StepView& step : stage.steps()) {
          if (step.number() == row.step_number()) past.step_text = step.text();
        }
      }
      history.Add(std::move(past));
    }
  }

  // An index stands for its first image.
  std::optional<check::KnownBase> ReadConfig(Digest root) {
    for (int depth = 0; depth < 3; ++depth) {
      const auto document = farm_.blobs->Get(root);
      if (!document.ok()) return std::nullopt;
      if (const auto index = oci::ParseImageIndex(*document); index.ok() && !index->manifests.empty()) {
        root = index->manifests.front().digest;
        for (const oci::Descriptor& descriptor : index->manifests) {
          if (!oci::IsImageDescriptor(descriptor)) continue;
          root = descriptor.digest;
          break;
        }
        continue;
      }
      const auto manifest = oci::ParseImageManifest(*document);
      if (!manifest.ok()) return std::nullopt;
      const auto config = farm_.blobs->Get(manifest->config.digest);
      if (!config.ok()) return std::nullopt;
      return check::ReadKnownBase(*config);
    }
    return std::nullopt;
  }

  Farm& farm_;
  const std::chrono::system_clock::time_point deadline_;
};

}  // namespace

FarmKnowledge AskFarm(Session& session, const std::string& dockerfile_name, const std::string& dockerfile,
                      const std::vector<std::string>& bases) {
  FarmKnowledge knowledge;
  const auto farm = session.Connect();
  if (!farm.ok()) return knowledge;
  FarmReader reader(**farm);
  if (!bases.empty()) {
    const auto images = reader.Images();
    for (const std::string& base : bases) reader.ReadBase(base, images, knowledge.bases);
  }
  reader.ReadHistory(dockerfile_name, dockerfile, knowledge.history);
  return knowledge;
}

}  // namespace crossmill::cli
