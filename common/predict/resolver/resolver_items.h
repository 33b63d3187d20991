// What a resolution decides about: candidates, and needs that restrict them. pip's terms: Candidate,
// Requirement. Used in this room only. All of them live as long as the resolution, so that they are compared
// by address.
#pragma once

#include <string>
#include <vector>

#include "common/predict/resolver/core_metadata.h"
#include "common/predict/resolver/resolver.h"
#include "common/python/version.h"
#include "common/wheels/usable_files.h"

namespace crossmill::predict {

// The number of an identifier: "flask", "flask[async]", or the Python itself.
using ItemId = int;

struct Candidate {
  enum class Kind {
    kFile,
    kDirect,
    kPresent,
    // `base` with extras: requires it, and what the extras require.
    kExtras,
    // The Python, which packages may refuse.
    kPython,
  };

  Kind kind = Kind::kFile;
  ItemId id = 0;
  std::string project;
  // Normalised, sorted.
  std::vector<std::string> extras;
  // False for a direct one whose metadata is not known.
  bool has_version = true;
  python::Version version;
  std::string version_text;
  const python::ProjectFiles* page = nullptr;
  python::UsableFile file;
  std::string location;
  bool editable = false;
  bool direct_wheel = false;
  // Null: what it requires is not known.
  const CoreMetadata* metadata = nullptr;
  const Candidate* base = nullptr;
  // How the one who required it first wrote the name, and who that was: a package or a line of a file. For
  // messages.
  std::string request_name;
  std::string comes_from;
};

struct Need {
  enum class Kind {
    kSpecifier,
    // This candidate and no other.
    kExplicit,
    kPython,
    // Cannot be had.
    kUnsatisfiable,
  };

  Kind kind = Kind::kSpecifier;
  ItemId id = 0;
  std::string project;
  std::vector<std::string> extras;
  // Of kSpecifier; its extras count only if the need has some.
  const python::Requirement* requirement = nullptr;
  std::vector<python::FileHash> hashes;
  std::string comes_from;
  // Of kExplicit; of kPython if the Python fits, else null.
  const Candidate* candidate = nullptr;
  const python::SpecifierSet* python = nullptr;
  std::string text;
};

// A need and who has it; null is the user.
struct Information {
  const Need* need = nullptr;
  const Candidate* parent = nullptr;
};

}  // namespace crossmill::predict
