package sql

import (
	"slices"
	"strings"

	"juno"
)

// The functions that a statement may call, and the kind of what they return. Everything else is
// refused, here and once more by SQLite's authorizer: an unknown function could read a file, or
// read an amount as a floating-point number.

// rule says how the arguments of a function are treated.
type rule uint8

const (
	rulePlain    rule = iota // any arguments; the result class is fixed
	ruleInexact              // floating point: refuses amounts, takes literals as they are
	ruleTime                 // date functions: refuse amounts
	ruleNumber               // exact for amounts, integer for integers: abs, round, …
	ruleArith                // add, sub, mul, mod: as ruleNumber, of two arguments
	ruleExact                // always an amount: exact, div
	ruleMerge                // one of the arguments: coalesce, …
	ruleSum                  // aggregate; integer for integers, an amount for amounts
	ruleMean                 // aggregate; an amount for integers and amounts
	ruleFirst                // the kind of the first argument: first_value, …
	ruleExtremum             // min, max: aggregate of one argument, else one of the arguments
	ruleFormat               // printf: amounts only where they are printed as text
	ruleNullIf
	ruleIf
)

// function describes one function.
type function struct {
	args   [2]int // fewest and most arguments
	rule   rule
	result class
	as     juno.ValueKind // what an integer result stands for, see kind.as
	use    uint8          // usePlain, useAggregate, useWindow
}

const (
	usePlain     uint8 = iota
	useAggregate       // may have FILTER, DISTINCT and OVER
	useWindow          // only with OVER
)

// argsMax is SQLite's limit for functions of any number of arguments.
const argsMax = 100

var functions = map[string]function{}

// define adds functions of the same kind; each word is name/fewest/most.
func define(rule rule, result class, use uint8, words string) {
	for _, w := range strings.Fields(words) {
		name, arity, _ := strings.Cut(w, "/")
		f := function{rule: rule, result: result, use: use}
		few, many, found := strings.Cut(arity, "-")
		f.args[0] = arityOf(few)
		f.args[1] = f.args[0]
		if found {
			f.args[1] = arityOf(many)
		}
		functions[name] = f
	}
}

func arityOf(s string) int {
	if s == "n" {
		return argsMax
	}
	return int(s[0] - '0')
}

func init() {
	define(rulePlain, classText, usePlain, `lower/1 upper/1 trim/1-2 ltrim/1-2 rtrim/1-2
		replace/3 substr/2-3 substring/2-3 concat/1-n concat_ws/2-n char/0-n hex/1 quote/1
		typeof/1 unistr/1 soundex/1 sha256/1 json/1 json_array/0-n json_object/0-n json_insert/1-n
		json_replace/1-n json_set/1-n json_remove/1-n json_type/1-2 json_quote/1 json_pretty/1-2`)
	define(rulePlain, classInteger, usePlain, `length/1 octet_length/1 unicode/1 instr/2 like/2-3
		glob/2 regexp/2 json_array_length/1-2 json_valid/1-2 json_error_position/1 random/0
		last_index/0 index_at/1 ed25519_verify/3`)
	define(rulePlain, classBlob, usePlain, `zeroblob/1 randomblob/1 unhex/1-2 jsonb/1
		jsonb_array/0-n
		jsonb_object/0-n jsonb_insert/1-n jsonb_replace/1-n jsonb_set/1-n jsonb_remove/1-n`)
	define(rulePlain, classAny, usePlain, `json_extract/2-n jsonb_extract/2-n`)
	define(rulePlain, classExact, usePlain, `balance/1-3`)
	define(rulePlain, classInstant, usePlain, `instant/1`)
	define(rulePlain, classInteger, useAggregate, `count/0-1`)
	define(rulePlain, classText, useAggregate, `group_concat/1-2 string_agg/2 json_group_array/1
		json_group_object/2`)
	define(rulePlain, classBlob, useAggregate, `jsonb_group_array/1 jsonb_group_object/2`)
	define(rulePlain, classInteger, useWindow, `row_number/0 rank/0 dense_rank/0 ntile/1`)
	define(rulePlain, classReal, useWindow, `percent_rank/0 cume_dist/0`)
	define(ruleInexact, classReal, usePlain, `sqrt/1 pow/2 power/2 exp/1 ln/1 log/1-2 log10/1
		log2/1 sin/1 cos/1 tan/1 asin/1 acos/1 atan/1 atan2/2 sinh/1 cosh/1 tanh/1 asinh/1 acosh/1
		atanh/1 degrees/1 radians/1 pi/0`)
	define(ruleTime, classText, usePlain, `date/0-n time/0-n datetime/0-n strftime/1-n timediff/2`)
	define(ruleTime, classReal, usePlain, `julianday/0-n`)
	define(ruleTime, classInteger, usePlain, `unixepoch/0-n`)
	define(ruleNumber, classAny, usePlain, `abs/1 neg/1 round/1-2 ceil/1
		ceiling/1 floor/1 trunc/1`)
	define(rulePlain, classReal, usePlain, `approx/1`)
	define(rulePlain, classInteger, usePlain, `sign/1 to_integer/1`)
	define(ruleArith, classAny, usePlain, `add/2 sub/2 mul/2 mod/2`)
	define(ruleExact, classExact, usePlain, `exact/1 div/2`)
	define(ruleMerge, classAny, usePlain, `coalesce/2-n ifnull/2`)
	define(ruleMerge, classAny, useWindow, `lag/1-3 lead/1-3`)
	define(ruleFirst, classAny, useWindow, `first_value/1 last_value/1 nth_value/2`)
	define(ruleExtremum, classAny, useAggregate, `min/1-n max/1-n`)
	define(ruleSum, classAny, useAggregate, `sum/1`)
	define(ruleMean, classExact, useAggregate, `avg/1 total/1 median/1 percentile/2`)
	define(ruleFormat, classText, usePlain, `printf/1-n format/1-n`)
	define(ruleNullIf, classAny, usePlain, `nullif/2`)
	define(ruleIf, classAny, usePlain, `iif/2-n if/2-n`)
	stand(juno.Boolean, `like glob regexp json_valid ed25519_verify`)
	stand(juno.LogIndex, `last_index index_at`)
}

// stand says what the integers of functions stand for.
func stand(as juno.ValueKind, words string) {
	for _, name := range strings.Fields(words) {
		f := functions[name]
		f.as = as
		functions[name] = f
	}
}

// operatorFunctions are what SQLite itself calls for operators and words, and what the rewriter
// puts in (quo is integer division that cannot overflow).
var operatorFunctions = wordSet(`-> ->> like glob regexp quo exact_real current_timestamp
	current_date current_time`)

// allowedFunction is the authorizer's question.
func allowedFunction(name string) bool {
	name = strings.ToLower(name)
	_, known := functions[name]
	return known || operatorFunctions[name]
}

// Functions returns the names of all functions, sorted.
func Functions() []string {
	names := make([]string, 0, len(functions))
	for name := range functions {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// FunctionUsages returns all functions, sorted by name. What stands in brackets may be left out,
// and … is any number more.
func FunctionUsages() []juno.FunctionInfo {
	var all []juno.FunctionInfo
	for _, name := range Functions() {
		all = append(all, juno.FunctionInfo{
			Name: name, Usage: name + "(" + usage(functions[name].args) + ")",
		})
	}
	return all
}

// usage names as many arguments as a function takes, from the fewest to the most.
func usage(args [2]int) string {
	const letters = "xyzuvw"
	var b strings.Builder
	for i := range min(args[0], len(letters)) {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteByte(letters[i])
	}
	if args[1] == argsMax {
		b.WriteString(" …")
		return strings.TrimPrefix(b.String(), " ")
	}
	for i := args[0]; i < args[1]; i++ {
		if b.WriteString(" ["); i > 0 {
			b.WriteString(", ")
		}
		b.WriteByte(letters[i])
	}
	b.WriteString(strings.Repeat("]", args[1]-args[0]))
	return strings.TrimPrefix(b.String(), " ")
}
