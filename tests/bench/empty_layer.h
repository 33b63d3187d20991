// What played workers give for every step.
#pragma once

#include <string>
#include <string_view>

#include "common/base/blob_store.h"
#include "common/base/digest.h"
#include "common/layer/layer_writer.h"
#include "crossmill/v1/plan.pb.h"
#include "tests/bench/checked.h"

namespace crossmill {

// A layer with nothing in it, in the store.
inline v1::Layer PutEmptyLayer(BlobStore& blobs) {
  std::string tar;
  layer::LayerWriter writer(
      [&](std::string_view bytes) {
        tar.append(bytes);
        return absl::OkStatus();
      },
      0);
  const auto manifest = Checked(writer.Finish());
  v1::Layer layer;
  ToProto(Checked(blobs.PutBytes(tar)), layer.mutable_tar());
  ToProto(Checked(blobs.PutBytes(manifest.Serialize())), layer.mutable_manifest());
  return layer;
}

}  // namespace crossmill
