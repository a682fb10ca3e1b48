// Presence documents of any shape are read without harm, and what we write of one can be read
// again.
#include <string>

#include "base/check.h"
#include "sip/body_limits.h"
#include "sip/pidf.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace tandem::sip;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto read = read_pidf(text);
    if (!read) return 0;
    CHECK(read->tuples.size() <= presence_tuples_max);
    CHECK(read->note.size() <= presence_note_bytes_max);
    const auto again = read_pidf(write_pidf("sip:a@b", *read));
    CHECK(again.has_value());
    CHECK(again->tuples.size() == read->tuples.size());
    CHECK(again->activities == read->activities);
    for (size_t i = 0; i < read->tuples.size(); ++i)
        CHECK(again->tuples[i].is_open == read->tuples[i].is_open);
    return 0;
}
