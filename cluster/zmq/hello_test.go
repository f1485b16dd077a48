package zmq

import (
	"encoding/hex"
	"reflect"
	"strings"
	"testing"

	"juno"
)

func goldenHello() hello {
	return hello{
		purpose: purposeBulk, cluster: juno.Hash{0: 0xc1, 31: 0xc2}, from: 3, to: 4,
		key: juno.PublicKey{0: 0xa1, 31: 0xa2}, software: "juno 1.0",
	}
}

const goldenHelloHex = "01" + "046a756e6f" + "02" +
	"c1000000000000000000000000000000000000000000000000000000000000c2" +
	"00000003" + "00000004" +
	"a1000000000000000000000000000000000000000000000000000000000000a2" +
	"08" + "6a756e6f20312e30"

const goldenAnswerHex = "01" + "046a756e6f" + "02" +
	"c1000000000000000000000000000000000000000000000000000000000000c2" +
	"00000004" + "08" + "6a756e6f20312e30" + "02" + "6e6f"

func goldenAnswer() answer {
	return answer{
		code: codeCluster, cluster: juno.Hash{0: 0xc1, 31: 0xc2}, from: 4,
		software: "juno 1.0", reason: "no",
	}
}

func TestGoldenHello(t *testing.T) {
	h := goldenHello()
	b := appendHello(nil, &h)
	if got := hex.EncodeToString(b); got != goldenHelloHex {
		t.Errorf("hello\n got %s\nwant %s", got, goldenHelloHex)
	}
	if got, version, err := parseHello(b); err != nil || version != 1 || got != h {
		t.Errorf("parse hello: got %+v, version %d, %v; want %+v", got, version, err, h)
	}
	a := goldenAnswer()
	b = appendAnswer(nil, &a)
	if got := hex.EncodeToString(b); got != goldenAnswerHex {
		t.Errorf("answer\n got %s\nwant %s", got, goldenAnswerHex)
	}
	if got, version, err := parseAnswer(b); err != nil || version != 1 || got != a {
		t.Errorf("parse answer: got %+v, version %d, %v; want %+v", got, version, err, a)
	}
	longest := hello{
		purpose: purposeClient, software: strings.Repeat("s", SoftwareBytesMax),
	}
	if n := len(appendHello(nil, &longest)); n > helloBytesMax {
		t.Errorf("longest hello has %d bytes, want at most %d", n, helloBytesMax)
	}
	reason := answer{
		code: codeTooManyConns, software: longest.software,
		reason: strings.Repeat("r", reasonBytesMax),
	}
	if n := len(appendAnswer(nil, &reason)); n > helloBytesMax {
		t.Errorf("longest answer has %d bytes, want at most %d", n, helloBytesMax)
	}
}

func TestHelloIsStrict(t *testing.T) {
	good, err := hex.DecodeString(goldenHelloHex)
	if err != nil {
		t.Fatal(err)
	}
	with := func(i int, v byte) []byte {
		b := append([]byte(nil), good...)
		b[i] = v
		return b
	}
	for name, b := range map[string][]byte{
		"nothing":       nil,
		"version 0":     with(0, 0),
		"other name":    with(2, 'J'),
		"purpose 0":     with(6, 0),
		"purpose 4":     with(6, 4),
		"client's node": with(6, byte(purposeClient)),
		"nobody's":      with(42, 0),
		"cut":           good[:len(good)-1],
		"left over":     append(append([]byte(nil), good...), 0),
	} {
		if h, _, err := parseHello(b); err == nil {
			t.Errorf("%s: got %+v, want an error", name, h)
		}
	}
	// Of another version only the number is parsed.
	if _, version, err := parseHello(with(0, 2)[:9]); err != nil || version != 2 {
		t.Errorf("hello of version 2: got version %d, %v", version, err)
	}
}

func FuzzHello(f *testing.F) {
	h, a := goldenHello(), goldenAnswer()
	f.Add(appendHello(nil, &h))
	f.Add(appendAnswer(nil, &a))
	f.Fuzz(func(t *testing.T, b []byte) {
		if h, version, err := parseHello(b); err == nil && version == protocolVersion {
			if got := appendHello(nil, &h); !reflect.DeepEqual(got, b) {
				t.Errorf("hello %x: encoded again it is %x", b, got)
			}
		}
		if a, version, err := parseAnswer(b); err == nil && version == protocolVersion {
			if got := appendAnswer(nil, &a); !reflect.DeepEqual(got, b) {
				t.Errorf("answer %x: encoded again it is %x", b, got)
			}
		}
	})
}
