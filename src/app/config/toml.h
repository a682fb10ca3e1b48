// toml++ as we use it: it throws nothing at us, and it reports every broken file. Its parser asserts
// what a broken key does not fulfil (`[!name]`) one line before it would report it.
#pragma once

#define TOML_ASSERT(expression) static_cast<void>(0)
#include <toml++/toml.h>
