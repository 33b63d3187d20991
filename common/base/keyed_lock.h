// One mutex per key: work on equal keys is done one after the other, so that the second finds the first's
// result.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "absl/status/statusor.h"
#include "common/base/mutex.h"

namespace crossmill {

// Thread safe. Outlives its holds.
class KeyedLock {
  struct Entry;

 public:
  // Holds a key until it dies. Stays on one thread.
  class Hold {
   public:
    // Waits for the key.
    Hold(KeyedLock& lock, const std::string& key) : lock_(lock), entry_(lock.Acquire(key, {})) {}
    ~Hold();
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;

    // Waits for the key; CANCELLED as soon as `stop` is requested.
    static absl::StatusOr<std::unique_ptr<Hold>> Wait(KeyedLock& lock, const std::string& key,
                                                      std::stop_token stop);

    // Stops when the holder's own token has, unless somebody waits for the key: the work goes on for them,
    // and they find its result. It stops when the last of them has gone too.
    std::stop_token stop_token() const;

   private:
    friend class KeyedLock;
    Hold(KeyedLock& lock, std::shared_ptr<Entry> entry) : lock_(lock), entry_(std::move(entry)) {}

    KeyedLock& lock_;
    const std::shared_ptr<Entry> entry_;
    struct Forward {
      Hold* hold;
      void operator()() const { hold->lock_.HolderStopped(*hold->entry_); }
    };
    // Last: ends before what it uses.
    std::optional<std::stop_callback<Forward>> forward_;
  };

  // How many wait for the key now.
  int WaitingFor(const std::string& key);

 private:
  struct Entry {
    std::string key;
    bool held = false;
    int waiting = 0;
    bool holder_stopped = false;
    // Of the present holder.
    std::stop_source ending;
  };

  // nullptr: stopped.
  std::shared_ptr<Entry> Acquire(const std::string& key, const std::stop_token& stop);
  void Release(Entry& entry);
  void HolderStopped(Entry& entry);
  void WakeAll();

  Mutex mutex_;
  CondVar changed_;
  std::map<std::string, std::shared_ptr<Entry>> entries_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace crossmill
