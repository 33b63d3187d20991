// Whose a row is, as SQL: so that what a caller may not see is not read. Each is true where the place is ''
// (core::Scope of the whole farm). A build that is no longer on record is of the project that every farm has.
#pragma once

// `table`: the name or alias of one with a column `build`, of which these say whose it is. Always said: a
// bare `build` would be that of build_projects itself.
#define PROJECT_OF_BUILD(table)                                                         \
  "coalesce((SELECT whose.project FROM build_projects whose WHERE whose.build = " table \
  ".build), "                                                                           \
  "'default')"
#define BUILD_SEEN(table, place) "(" place " = '' OR " PROJECT_OF_BUILD(table) " = " place ")"

// Of a text that core::InProject made.
#define KEY_SEEN(key, place)                                                         \
  "(" place " = '' OR CASE WHEN substr(" key ", 1, 8) = 'project ' THEN substr(" key \
  ", 9, instr(substr(" key ", 9), ', ') - 1) ELSE 'default' END = " place ")"
