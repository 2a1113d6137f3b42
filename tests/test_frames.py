"""LUP's data files: pickled frames read without pandas, without running anything, and made into votes."""

import base64
import csv
import io
import json
import pickle
import zlib

import numpy as np
import pytest
from PIL import Image

from tasteprint.cli.data import build_data_command, convert_data_command
from tasteprint.data.dataset import Dataset
from tasteprint.data.pickled_frames import Blocks, read_pickled_frame
from tasteprint.data.reference_frames import convert_reference_frame
from test_scorers import Bomb

# Frames of three rows as LUP writes them, pickled by pandas 1.5.3 (protocol 2) and 2.3.3 (protocol 4), compressed.
PANDAS_1 = (
    b"c-p0w-*ePd6vwl>?b3#}6coV%Qc-cKu(nun6|_>9AIs7$UJ68UO_S{1W^FdR-y}<0WuX*z+v50!JTT6{IF6$;{(OLO#_=Wj!}Q)H"
    b"Yp07ov?epTKXUH*obSz@bFvuKs)|`q?4(w)XtHQ2Wh$l>M>*~HARM}dNFC9H)FB9hT%NHITeqTQI@B^1!%mhJQ<<TbEsh%%ZFV9U"
    b"iRfsV%SK7H*X%{PW>!nutU+a!FA&kGnYD6tA@EzS8BR&DEM-BIEvi*a+p%hzBO)GHiOi?}7F)7H16`V|RSHzIMQZYnh;AvuB32<v"
    b"an>4&Q!+=ewTT{r-evR=Y)fP#?2a|jAG$0!3stsqyA)+BiYe?^U0KFc1WzZjG2hz>?9AnI=l)`s|Hujso>5ozZfQVhUEZ%_Vdvpk"
    b"YYw|~M&3>Etb+knlV!D5V)9H`7Hy-XG3K6ZXEvUVEMqUhzHD?E&k^j`JN3Bk%Nx{L%+C`X;4#N}%rEFcn3E~I$isYz;9x7v>v(y6"
    b"m}3qS>S`W`5_t?ISh!c1mAiT&ccxby5Lv%Bb2d#_%RNTB_|yB-yX)S!S+75nJ~=h-eyw@Gdkt?<NcZ%M!v0*$`@#LjyHj(&=L$2Y"
    b"a%uPH@o9GnuW+r0363z%<;`=t0!}gJ{p2ntz3=w5VUis4D#0+-hw>QFk0^N@<=QT7fVr*3oaRtroDugFxw8B2WA8_~4fz^JjuO1i"
    b"C>J+P>GCNzn6A-d^X|Pi#xc%#gCIrqqj|ikr<km_64F*?r3@BJwtjffq6Hk6I{g`~R>cXL$J+`0xXwH8_$Oc<V+sp$YE#?)(EGL^"
    b"9Ef*y3eh1U<2J5&&55=s-{n!BBpCl+kd6Q{E=+h|j;7qlZIJgkBu#LNK_)i<>HBB9J7OFls6y}DZuhIJZT?Sl|7Qr!ZeGOsVz5y?"
    b"(TMw-_h7Gk&uoKaIOH5bc7rE#9VFPOo`Hz_$h+<SBCw;no^qa3CJ1tyrA({g*AUz#VY~Z>_rSgDK5C;(a>@mQ_obMB_=Z8k-Uu#+"
    b">2``bxTLo7)@7czt`JCm-fG~3Fl&`k_>gC<s{|jhtffDhR`Y&Z9TwKENZ3ZhHWs!WVH<BH+mCseGQqS1Mdi6vCD58E<Utc{wW~nq"
    b"shw06n~JhY=j05Z5mEeav(RFu4n3%e1y(FkY6<>?3!Wt~xZo`fl=Xuw@0tmzkC|GuNG(>MC@Y1wgNn4{iAh;i3aCmu*S)A(m2%Yy"
    b"7QruPr7|n7!?4x{Be26lr&41Wjz0(%qQ<_-HPw&SWK|t=xmpwR1Pl7V3$+w;hKhtgL%E;U@mWHj%lTQyb`;CO^{n7~w4F*7byj(T"
    b"0j=UjHp2YhBv_<P+#*;C{vB9x#cioO+%o@91E2e2xlA3!-^WHC%^<Tmj%8!Hjul^sTr`v!8>@BPk#_OdhEbWb<wC8>%BSM6z2mZN"
    b"e6eEJ)a2iQ$fJ}"
)
PANDAS_2 = (
    b"c-o~^O-vI(6rSz2rIvq<iip~HLZb~BRH7zCs6wq&Lrjb@WSQMgyBoIK&He}^Vvq!cWNr)`h$l~;G#>Ec#l+yj#GCO72V+7aiAOF*"
    b"-|TKfiyR<q+j(zi-hBPu+kM|mg%`g^k$2H%6B{{fCzX;#l6eak38RNn*ul3we}SEQ&L&wq4NJv>#pvnEaLsUtWnkS-7O{Z~#IhN!"
    b">(xuj=%9ZO+v%}jhooz=y}gCeM#(iyO&QgRB=bF9u;CWXiKOJg7hT=auw~&1fR!wwlnmRkT*cv$5igR_8UXh~7FY(&us%U%FW3-k"
    b"&j|1lXPMeaBROZn<f+h5zMIX@`RgJTZm?`Nd*?4)-jG2Kljr+d{L1|9@$GtG5n`}RW3sCOEdvsW*t({0+)N}B%?KPe6XK&<t2U_3"
    b"oQ`^=OeX4)X`!KeRTQ4?pwPo946}Cl_NC|VXZ!2pt#SD8`t(3*2yBS|VtoAbZP^CXluq4zF#b~6TK$Mpbxm<}CM#~d`r^LkjMKNW"
    b"sW-hN(`?^ZF&`^0ZcZhCo~ptkYUeOhFJVq`U@x$Z0qn@uD(VH)lX-Dt`TZ}cn&Ez-Vjk2pakJ~n_|gu7mx16_PLS5(L|(Ji3ki$l"
    b";ECac;+l-Wih51G4weez4DYWx>pybnY%~@@q4Ov`^W^j30V)kxVIQj(4SwzFeqW8%zZa~Aa!tY_M?x~HA8T2Bd=OT5^L~bPA>rLx"
    b"+mdlGEI-4#R$=ASTeNxrtPwe=7Me!QAJ*7P6&4k7qQe_I;jzk$Kr8LihcjLmY873mw(TYZ9p$zc0vigf7}#)NqZRVt_x~*8uU<>F"
    b"ROZMyv6C{kL15#OLB^ysp9A?&AJRzK_oOxl^2`3GUIRB5xj4`Ui{yz#426KI+76?Kt0yEG!`pszd(yN@Mbim_qgoNfxufhrwW2zf"
    b"iOy&IK(BT*Z158x>&|jXdqhv{mXC#v0#9g&+lnOA(JbhrgDnSSnTBnrWHQh@a0obphe`MV2Mee(oH;z{^7$hbiG#f=4D+US95`7f"
    b"ft{4salvzsV_h$e*;39mL4>gbdGi!(HfOtX@*i8hCv5"
)


def whole(text):
    return zlib.decompress(base64.b85decode(text))


@pytest.fixture(params=[PANDAS_1, PANDAS_2], ids=["pandas 1", "pandas 2"])
def frame(request, tmp_path):
    path = tmp_path / "bench_test_w_bad.pkl"
    path.write_bytes(whole(request.param))
    return path


def colour(data):
    return Image.open(io.BytesIO(data)).getpixel((0, 0))


def test_a_frame_is_read_without_pandas(frame):
    columns = read_pickled_frame(frame)
    assert list(columns) == [
        "reference_list", "reference_list_bad", "reference_prompt_list", "image0", "image1", "label0", "prompt",
    ]  # fmt: skip
    assert columns["label0"] == [1.0, 0.5, 0.0] and columns["prompt"] == ["a 0", "a 1", "b"]
    assert columns["reference_prompt_list"] == [["a fish, red", "a cup"]] * 2 + [["x"]]
    assert [colour(one) for one in columns["reference_list"][0]] == [(250, 0, 0), (250, 0, 1)]
    assert [colour(one) for one in columns["image1"]] == [(9, 99, 0), (9, 99, 1), (2, 1, 1)]


def test_it_becomes_votes_and_a_dataset(frame, tmp_path, capsys):
    convert_data_command(frame, tmp_path / "log")
    assert "6 votes are in" in capsys.readouterr().out
    with (tmp_path / "log/votes.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    shown = [
        (row["prompt"], *(colour((tmp_path / "log" / row[side]).read_bytes()) for side in ("image_0", "image_1")),
         row["label_0"])
        for row in rows
    ]  # fmt: skip
    assert shown == [
        ("a fish, red", (250, 0, 0), (0, 250, 0), "1.0"),
        ("a cup", (250, 0, 1), (0, 250, 1), "1.0"),
        ("a 0", (9, 9, 0), (9, 99, 0), "1.0"),
        ("a 1", (9, 9, 1), (9, 99, 1), "0.5"),  # a tie stays one
        ("x", (250, 0, 0), (0, 250, 1), "1.0"),
        ("b", (1, 1, 1), (2, 1, 1), "0.0"),
    ]
    users = [row["user_id"] for row in rows]
    assert len(set(users[:4])) == len(set(users[4:])) == 1 and users[0] != users[4]
    build_data_command(
        str(tmp_path / "log/votes.csv"), tmp_path / "data", images=tmp_path / "log", min_liked=1,
        validation=0.0, test=0.0, as_json=True,
    )  # fmt: skip
    built = Dataset(tmp_path / "data")
    assert json.loads(capsys.readouterr().out)["rows"] == 6
    assert built.summary.splits["train"].votes == 6 and built.summary.splits["train"].ties == 1


class Says:
    """Pickled as a call of a named function."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize(
    "what",
    [
        "a call",
        "a call in a cell",
        "numpy's own way to files",
        "an object array of calls",
        "a frame's brother",
    ],
)
def test_nothing_that_a_pickle_says_is_done(what, tmp_path):
    bomb = Bomb(tmp_path / "done")
    content = {
        "a call": bomb,
        "a call in a cell": {"reference_list": [[bomb]]},
        "numpy's own way to files": Says(np.memmap, str(tmp_path / "done"), "uint8", "w+", 0, (4,)),
        "an object array of calls": np.array([bomb, bomb], object),
        "a frame's brother": Says(eval, f"open({str(tmp_path / 'done')!r}, 'w')"),
    }[what]
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        path = tmp_path / "frame.pkl"
        path.write_bytes(pickle.dumps(content, protocol=protocol))
        with pytest.raises(
            ValueError, match=r"could not be read \(it names .*nothing that could be run: export"
        ):
            convert_reference_frame(path, tmp_path / "log")
    assert not (tmp_path / "done").exists() and not (tmp_path / "log").exists()


@pytest.mark.parametrize("harm", ["cut", "text", "a list", "empty", "another frame's columns"])
def test_what_is_no_such_frame_is_one_sentence(harm, tmp_path):
    path = tmp_path / "frame.pkl"
    good = whole(PANDAS_2)
    content = {
        "cut": good[: len(good) // 2], "text": b"liked,disliked", "a list": pickle.dumps([1, 2]), "empty": b"",
        "another frame's columns": good.replace(b"label0", b"label9"),
    }[harm]  # fmt: skip
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"frame\.pkl' (could not be read|has no column 'label0')") as caught:
        convert_reference_frame(path, tmp_path / "log")
    assert "\n" not in str(caught.value) and not (tmp_path / "log").exists()


def test_one_file_cannot_change_how_the_next_is_read(frame):
    """BUILD sets attributes of whatever stands before it: here of a class that frames are made of."""
    manager = b"cpandas.core.internals.managers\nBlockManager\n"
    poisoned = manager + b"(N(dVaxes\nI1\nstb."
    good = read_pickled_frame(frame)
    frame.write_bytes(poisoned)
    with pytest.raises(ValueError, match="could not be read"):
        read_pickled_frame(frame)
    assert not hasattr(Blocks, "axes")
    frame.write_bytes(whole(PANDAS_2))
    assert read_pickled_frame(frame)["label0"] == good["label0"]
