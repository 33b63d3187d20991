// What a wheelhouse asks of the farm: resolutions, and builds of its recipes to their end.
#pragma once

#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/session/session.h"
#include "crossmill/v1/client_service.pb.h"
#include "crossmill/v1/predict.pb.h"

namespace crossmill::cli {

struct FinishedBuild {
  v1::BuildView view;
  std::vector<v1::PackageRow> packages;
};

// Thread safe. Everything given outlives it.
class FarmBuilds {
 public:
  // `options`: of every build, but for the platforms.
  FarmBuilds(Session& session, Farm& farm, const v1::BuildOptions& options, std::stop_token stop)
      : session_(session), farm_(farm), options_(options), stop_(std::move(stop)) {}

  // Recipes have no context; this puts the empty one into the store. Before anything else.
  absl::Status Prepare();

  absl::StatusOr<v1::Forecast> Predict(const v1::Platform& platform, const std::string& recipe);

  // A failed build is a result. `began` gets its number. CANCELLED after a stop request, and the build is
  // cancelled.
  absl::StatusOr<FinishedBuild> Build(const v1::Platform& platform, const std::string& recipe,
                                      const std::function<void(int64_t)>& began);

  // The wheel with these bytes, if the farm compiled it and has kept it.
  std::optional<v1::FarmWheel> KeptWheel(const std::string& project, const std::string& sha256);

  BlobStore& blobs() { return *farm_.blobs; }
  bool stopped() const { return stop_.stop_requested(); }

 private:
  v1::BuildSubmission Submission(const v1::Platform& platform, const std::string& recipe) const;

  Session& session_;
  Farm& farm_;
  const v1::BuildOptions options_;
  const std::stop_token stop_;
  Digest empty_context_;
};

}  // namespace crossmill::cli
