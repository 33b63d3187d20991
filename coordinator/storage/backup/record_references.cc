#include "coordinator/storage/backup/record_references.h"

#include <google/protobuf/message.h>

#include <array>
#include <map>
#include <string>
#include <vector>

#include "common/base/status.h"
#include "crossmill/v1/build.pb.h"
#include "crossmill/v1/plan.pb.h"

namespace crossmill::storage {
namespace {

constexpr Sql kImagePlatforms{
    "list the platforms of images",
    "SELECT image, os || '/' || architecture || CASE variant WHEN '' THEN '' ELSE '/' || "
    "variant END FROM image_platforms ORDER BY image, position"};
constexpr Sql kImageRoots{"list the images", "SELECT name, root_hash, root_size FROM images ORDER BY name"};
constexpr Sql kUnfinishedReferences{"list builds that have not ended",
                                    "SELECT id, submission, plan FROM builds WHERE status < 4 ORDER BY id"};
constexpr Sql kEndedBuildReferences{
    "list builds that have ended",
    "SELECT id, submission, plan, view FROM builds WHERE status >= 4 ORDER BY id"};
constexpr Sql kActiveTasks{"list tasks that are executed",
                           "SELECT number, task FROM leases WHERE outcome IS NULL"};
constexpr Sql kPulledManifests{"list pulled manifests",
                               "SELECT manifest_hash, manifest_size, image FROM image_manifests"};

// Columns that have digests of caches.
struct CacheColumns {
  Sql sql;
  const char* what;
  ReferenceForm form;
};
constexpr std::array kCaches = {
    CacheColumns{{"list step results",
                  "SELECT tar_hash, tar_size FROM executions WHERE tar_hash IS NOT NULL UNION ALL "
                  "SELECT manifest_hash, manifest_size FROM executions WHERE manifest_hash IS NOT NULL"},
                 "step results",
                 ReferenceForm::kBytes},
    CacheColumns{
        {"list exports", "SELECT blob_hash, blob_size FROM exports"}, "exports", ReferenceForm::kBytes},
    CacheColumns{{"list compressed layers", "SELECT blob_hash, blob_size FROM compressed_layers"},
                 "compressed layers",
                 ReferenceForm::kBytes},
    CacheColumns{{"list fetched files", "SELECT hash, size FROM remote_files"},
                 "fetched files",
                 ReferenceForm::kBytes},
    CacheColumns{{"list fetched trees", "SELECT root_hash, root_size FROM remote_trees"},
                 "fetched trees",
                 ReferenceForm::kTree},
    CacheColumns{{"list pages of indexes", "SELECT hash, size FROM index_pages"},
                 "pages of package indexes",
                 ReferenceForm::kBytes},
    CacheColumns{
        {"list farm wheels", "SELECT hash, size FROM farm_wheels"}, "farm wheels", ReferenceForm::kBytes},
};

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

// By the name of the field that has the digest. Those of differences are of contents that the store never
// had.
ReferenceForm FormOf(std::string_view field) {
  if (field == "context_root" || field == "tree" || field == "directory") return ReferenceForm::kTree;
  if (field == "image_root" || field == "image_manifest") return ReferenceForm::kImage;
  return ReferenceForm::kBytes;
}

// Of all messages in a message that are digests.
absl::Status WalkDigests(const Message& message, RecordReference reference, bool images_only,
                         const TakeReference& take) {
  std::vector<const FieldDescriptor*> fields;
  message.GetReflection()->ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) continue;
    const int count = field->is_repeated() ? message.GetReflection()->FieldSize(message, field) : 1;
    const bool digest = field->message_type()->name() == "Digest";
    if (digest && images_only && field->name() != "image_manifest") continue;
    for (int i = 0; i < count; ++i) {
      const Message& child = field->is_repeated()
                                 ? message.GetReflection()->GetRepeatedMessage(message, field, i)
                                 : message.GetReflection()->GetMessage(message, field);
      if (!digest) {
        RETURN_IF_ERROR(WalkDigests(child, reference, images_only, take));
        continue;
      }
      reference.digest = FromProto(static_cast<const build::bazel::remote::execution::v2::Digest&>(child));
      reference.form = FormOf(field->name());
      if (!reference.digest.empty()) RETURN_IF_ERROR(take(reference));
    }
  }
  return absl::OkStatus();
}

template <typename M>
absl::Status WalkRecorded(std::string_view bytes, const RecordReference& reference, bool images_only,
                          const TakeReference& take) {
  M message;
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    return absl::DataLossError(fmt::format("the record of {} is damaged", reference.what));
  return WalkDigests(message, reference, images_only, take);
}

// Calls `row` with each row.
absl::Status ForEachReferenceRow(Database& record, const Sql& sql,
                                 const std::function<absl::Status(Statement&)>& row) {
  ASSIGN_OR_RETURN(Statement query, record.Prepare(sql));
  while (true) {
    ASSIGN_OR_RETURN(const bool more, query.Step());
    if (!more) return absl::OkStatus();
    RETURN_IF_ERROR(row(query));
  }
}

absl::Status ListImageReferences(Database& record, const TakeReference& take) {
  std::map<std::string, std::vector<std::string>> platforms;
  RETURN_IF_ERROR(ForEachReferenceRow(record, kImagePlatforms, [&](Statement& row) {
    platforms[std::string(row.Text(0))].emplace_back(row.Text(1));
    return absl::OkStatus();
  }));
  return ForEachReferenceRow(record, kImageRoots, [&](Statement& row) {
    const std::string name(row.Text(0));
    const std::string what = "image " + name;
    return take({.digest = {std::string(row.Text(1)), row.Int64(2)},
                 .form = ReferenceForm::kImage,
                 .by = NeededBy::kImage,
                 .what = what,
                 .platforms = &platforms[name]});
  });
}

absl::Status ListUnfinishedReferences(Database& record, const TakeReference& take) {
  RETURN_IF_ERROR(ForEachReferenceRow(record, kUnfinishedReferences, [&](Statement& row) {
    const std::string what = fmt::format("build {}", row.Int64(0));
    const RecordReference reference{.digest = {}, .by = NeededBy::kUnfinished, .what = what};
    RETURN_IF_ERROR(WalkRecorded<v1::BuildSubmission>(row.Bytes(1), reference, false, take));
    return WalkRecorded<v1::BuildPlan>(row.Bytes(2), reference, false, take);
  }));
  return ForEachReferenceRow(record, kActiveTasks, [&](Statement& row) {
    const std::string what = fmt::format("the task of lease {}", row.Int64(0));
    return WalkRecorded<v1::Task>(row.Bytes(1), {.digest = {}, .by = NeededBy::kUnfinished, .what = what},
                                  false, take);
  });
}

absl::Status ListEndedReferences(Database& record, const TakeReference& take) {
  const RecordReference reference{.digest = {}, .what = "ended builds"};
  return ForEachReferenceRow(record, kEndedBuildReferences, [&](Statement& row) {
    RETURN_IF_ERROR(WalkRecorded<v1::BuildSubmission>(row.Bytes(1), reference, false, take));
    RETURN_IF_ERROR(WalkRecorded<v1::BuildPlan>(row.Bytes(2), reference, false, take));
    return WalkRecorded<v1::BuildView>(row.Bytes(3), reference, true, take);
  });
}

absl::Status ListManifestReferences(Database& record, const TakeReference& take) {
  RecordReference reference{.digest = {}, .what = "base images"};
  return ForEachReferenceRow(record, kPulledManifests, [&](Statement& row) {
    reference.digest = {std::string(row.Text(0)), row.Int64(1)};
    reference.form = ReferenceForm::kImage;
    RETURN_IF_ERROR(take(reference));
    return WalkRecorded<v1::PinnedImage>(row.Bytes(2), reference, false, take);
  });
}

}  // namespace

absl::Status ListReferences(Database& record, const TakeReference& take) {
  RETURN_IF_ERROR(ListImageReferences(record, take));
  RETURN_IF_ERROR(ListUnfinishedReferences(record, take));
  for (const CacheColumns& columns : kCaches) {
    RETURN_IF_ERROR(ForEachReferenceRow(record, columns.sql, [&](Statement& row) {
      return take({.digest = {std::string(row.Text(0)), row.Int64(1)},
                   .form = columns.form,
                   .by = NeededBy::kCache,
                   .what = columns.what});
    }));
  }
  RETURN_IF_ERROR(ListManifestReferences(record, take));
  return ListEndedReferences(record, take);
}

}  // namespace crossmill::storage
