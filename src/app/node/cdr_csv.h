// Records of calls as CSV (RFC 4180), a line each, for spreadsheets and billing.
#pragma once

#include <string>

#include "model/generated/cdr.h"

namespace tandem::app {

// The names of the columns, with the line's end. docs/records.md explains them.
std::string cdr_csv_head();
// Appends the record's line. A text that a spreadsheet would take for a formula gets an apostrophe
// in front: names come from outside.
void append_cdr_csv(std::string& out, const model::Cdr& record);

}  // namespace tandem::app
