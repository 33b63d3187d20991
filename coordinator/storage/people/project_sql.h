// Whose a row is, as SQL: so that what a caller may not see is not read. Each is true where the place is ''
// (core::Scope of the whole farm). A build that is no longer on record is of the project that every farm has.
#pragma once

#define PROJECT_OF_BUILD(build) \
  "coalesce((SELECT project FROM build_projects WHERE build = " build "), 'default')"
#define BUILD_SEEN(build, place) "(" place " = '' OR " PROJECT_OF_BUILD(build) " = " place ")"

// Of a text that core::InProject made.
#define KEY_SEEN(key, place)                                                         \
  "(" place " = '' OR CASE WHEN substr(" key ", 1, 8) = 'project ' THEN substr(" key \
  ", 9, instr(substr(" key ", 9), ', ') - 1) ELSE 'default' END = " place ")"
