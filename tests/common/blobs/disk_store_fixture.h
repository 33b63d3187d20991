// A blob store in a folder of its own, whose files a test can look at and damage.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "common/base/files.h"
#include "common/blobs/disk_blob_store.h"
#include "tests/support/status_matchers.h"

namespace crossmill {

class DiskStoreFixture : public testing::Test {
 protected:
  void SetUp() override { Reopen(); }
  void Reopen() {
    store_.reset();
    auto store = OpenDiskBlobStore(folder_.path());
    ASSERT_OK(store);
    store_ = *std::move(store);
  }
  std::string PathOf(const Digest& digest) const {
    return folder_.Path("blobs/" + digest.hash.substr(0, 2) + "/" + digest.hash);
  }
  // Replaces what is on disk behind the store's back.
  void Damage(const std::string& path, std::string_view bytes) { ASSERT_OK(WriteFileAtomic(path, bytes)); }
  void Damage(const Digest& digest, std::string_view bytes) { Damage(PathOf(digest), bytes); }

  TemporaryFolder folder_ = *TemporaryFolder::Create();
  std::unique_ptr<DiskBlobStore> store_;
};

}  // namespace crossmill
