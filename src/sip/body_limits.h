// What bodies in XML may hold (xml_reader.h, pidf.h). Apart from limits.h, which all of SIP
// includes.
#pragma once

#include <cstddef>

namespace tandem::sip {

// Presence documents nest 6 deep, and their longest name has 20 characters.
inline constexpr size_t xml_depth_max = 32;
inline constexpr size_t xml_name_bytes_max = 128;
inline constexpr size_t xml_attributes_max = 32;  // of one element
// A device publishes one tuple, seldom two; a note is a line beside a name.
inline constexpr size_t presence_tuples_max = 8;
inline constexpr size_t presence_note_bytes_max = 256;

}  // namespace tandem::sip
