// One journal line as logfmt or JSON. Pure.
#pragma once

#include <string>

#include "base/instant.h"
#include "ports/letter.h"

namespace tandem::runtime {

enum class JournalFormat { Logfmt, Json };

// time=2026-11-22T21:44:12.123Z level=info node=1 from=12 domain=acme.test call=... text="..."
// Fields without a value are left out. Control characters are escaped: a line stays one line.
std::string journal_line(const ports::LogLine& line, UtcTime at, uint16_t node,
                         ports::Instance from, JournalFormat format);

}  // namespace tandem::runtime
