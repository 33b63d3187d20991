#include "coordinator/engine/planning/known_end.h"

#include <unistd.h>

#include "common/base/files.h"

namespace crossmill::coordinator {

bool KnownEnd::WasKnown() const { return access(path_.c_str(), F_OK) != 0; }

void KnownEnd::Begin() {
  // Where it cannot be made the next one believes that this one knew: a build is planned once more then.
  if (WasKnown()) WriteFileAtomic(path_, "").IgnoreError();
}

void KnownEnd::Note() { unlink(path_.c_str()); }

}  // namespace crossmill::coordinator
