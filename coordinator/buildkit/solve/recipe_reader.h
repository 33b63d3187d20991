// A recipe's files, from wherever a BuildKit client says that they are: its folders, streams and layouts,
// repositories and URLs, results of its other builds. Each read is a vertex of the build.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coordinator/buildkit/policy/source_policy.h"
#include "coordinator/buildkit/solve/attributes.h"
#include "coordinator/buildkit/solve/client_builds.h"
#include "coordinator/buildkit/solve/recipe_preview.h"
#include "coordinator/buildkit/solve/solve_services.h"
#include "crossmill/v1/plan.pb.h"

namespace crossmill::coordinator::buildkit {

using DefinitionMap = std::map<std::string, pb::Definition>;

// Used by one thread, for one build: ReadDefinition, then ReadNamed, then ReadContext. The references outlive
// it.
class RecipeReader {
 public:
  RecipeReader(const SolveServices& services, ClientBuilds& builds, ClientBuild& build,
               const SolveAttributes& attributes, DefinitionMap inputs, const SourcePolicy& policy,
               std::stop_token stop)
      : services_(services),
        builds_(builds),
        build_(build),
        attributes_(attributes),
        inputs_(std::move(inputs)),
        policy_(policy),
        stop_(std::move(stop)) {}

  // Dockerfile and ignore file into the recipe; a context that is not the client's is fetched for that.
  absl::Status ReadDefinition(v1::Recipe* recipe);
  // Named contexts that the recipe may mean; the others are left out.
  absl::Status ReadNamed(v1::Recipe* recipe);
  // The context, or what is needed of it.
  absl::Status ReadContext(const RecipePreview& preview, v1::Recipe* recipe);

  // The vertex "load build definition", which warnings belong to; empty before it.
  const std::string& definition_vertex() const { return definition_vertex_; }
  // Where the recipe came from, for people and for the record; empty: nobody knows.
  const std::string& origin() const { return origin_; }

 private:
  // A context as a tree, or as the Dockerfile that it was.
  struct FetchedContext {
    std::optional<Digest> tree;
    std::optional<std::string> file;
    std::optional<int64_t> time;
    std::string commit;
    // Of a repository or a download: where it really came from.
    std::string url;
  };

  // Of a folder's read; PERMISSION_DENIED: the policy does not let it be taken.
  absl::StatusOr<std::shared_ptr<ClientSession>> SessionOf(const std::string& folder);
  absl::StatusOr<FetchedContext> Fetch(const NamedSource& source, ProgressVertex& vertex);
  // Of a definition that came with the request: with its attributes.
  absl::StatusOr<FetchedContext> FetchGit(const std::string& url, ProgressVertex& vertex,
                                          const std::map<std::string, std::string>& attributes = {});
  absl::StatusOr<FetchedContext> FetchHttp(const std::string& url, ProgressVertex& vertex,
                                           const std::map<std::string, std::string>& attributes = {});
  // What is at a URL, as the policy lets it be read, and where it really came from.
  struct Download {
    std::string url;
    RemoteSources::File file;
  };
  absl::StatusOr<Download> FetchUrl(const std::string& url, ProgressVertex& vertex,
                                    const std::map<std::string, std::string>& attributes);
  absl::StatusOr<FetchedContext> FetchNamedUrl(const std::string& url, ProgressVertex& vertex);
  absl::StatusOr<FetchedContext> FetchUpload(const std::string& id, ProgressVertex& vertex);
  absl::StatusOr<FetchedContext> FetchInput(const std::string& key, ProgressVertex& vertex);
  // A stream whose first bytes say whether it is an archive or a file.
  absl::StatusOr<FetchedContext> TakeStream(const layer::Source& stream, std::string_view what);
  absl::Status ReadClientDefinition(v1::Recipe* recipe, ProgressVertex& vertex);
  absl::Status ReadTreeDefinition(v1::Recipe* recipe);
  absl::Status ReadIgnoreFile(v1::Recipe* recipe);
  absl::StatusOr<ClientFolder> ReadFolder(const std::string& folder, const NeededPaths& needed,
                                          const std::string& ignore_file, ProgressVertex& vertex);
  absl::Status ReadOneNamed(const NamedSource& source, v1::NamedContext* context, bool* left_out);
  absl::Status ReadNamedFolder(const NamedSource& source, v1::NamedContext* context);
  absl::Status ReadLayout(const NamedSource& source, v1::NamedContext* context);
  absl::Status TakeResult(const NamedSource& source, v1::NamedContext* context);

  const SolveServices& services_;
  ClientBuilds& builds_;
  ClientBuild& build_;
  const SolveAttributes& attributes_;
  const DefinitionMap inputs_;
  const SourcePolicy& policy_;
  const std::stop_token stop_;
  std::string definition_vertex_;
  std::string origin_;
  // The files that were read with the Dockerfile, by name.
  std::map<std::string, std::string> beside_;
  // Of a context that is not the client's.
  std::optional<FetchedContext> fetched_;
};

// The lines of an ignore file as clients filter by them. Pure.
std::vector<std::string> ExcludePatterns(std::string_view ignore_file);

}  // namespace crossmill::coordinator::buildkit
