"""Pipelines that take columns by name, and CatBoost with categories, on tables that come with plotly."""

from __future__ import annotations

import io
import json
from pathlib import Path

import catboost
import joblib
import numpy as np
import pandas
import plotly.data
import pytest
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.ensemble import GradientBoostingClassifier, RandomForestRegressor
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from greensage.local.containers import ContainerFailed
from greensage.packaging import package
from tests.conftest import ARTIFACTS
from tests.serving.running import post, serving, start, unpacked

TIPS = plotly.data.tips(return_type="pandas")
GAPMINDER = plotly.data.gapminder(return_type="pandas")
FEATURES = ["total_bill", "sex", "smoker", "day", "size"]


def pipeline(estimator):
    words = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore"))
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    split = ColumnTransformer(
        [
            ("words", words, make_column_selector(dtype_exclude="number")),
            ("numbers", numbers, make_column_selector(dtype_include="number")),
        ]
    )
    return make_pipeline(split, estimator)


@pytest.fixture(scope="module")
def tips(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tips")
    made = pipeline(GradientBoostingClassifier(n_estimators=5, random_state=0)).fit(TIPS[FEATURES], TIPS["time"])
    joblib.dump(made, folder / "model.joblib")
    container = start(folder, GREENSAGE_ALLOW_PICKLE="1", GREENSAGE_DATAFRAME="1")
    yield container, made.predict_proba(TIPS[FEATURES].head(20))
    container.stop()


def answer(container, body: bytes | str, media: str) -> np.ndarray:
    status, _, content = post(container, body if isinstance(body, bytes) else body.encode(), media)
    assert status == 200, content
    return np.array(json.loads(content)["predictions"])


ROWS = TIPS[FEATURES].head(20)
FORMS = {
    "csv with a header": (ROWS.to_csv(index=False), "text/csv"),
    "csv without": (ROWS.to_csv(index=False, header=False), "text/csv"),
    "csv in another order, with more": (TIPS.head(20)[[*reversed(FEATURES), "tip"]].to_csv(index=False), "text/csv"),
    "records": (ROWS.to_json(orient="records"), "application/json"),
    "instances": (json.dumps({"instances": ROWS.to_dict("records")}), "application/json"),
    "lists": (json.dumps({"instances": ROWS.to_numpy().tolist()}), "application/json"),
    "split": (json.dumps({"dataframe_split": json.loads(ROWS.to_json(orient="split"))}), "application/json; charset=utf-8"),
    "columns": (json.dumps(ROWS.to_dict("list")), "application/json"),
    "lines": (ROWS.to_json(orient="records", lines=True), "application/jsonlines"),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_pipeline_answers_a_table_in_every_form(tips, form):
    container, wanted = tips
    assert np.allclose(answer(container, *FORMS[form]), wanted)


def test_one_row_as_an_object_and_what_is_missing(tips):
    container, wanted = tips
    assert np.allclose(answer(container, json.dumps(ROWS.iloc[0].to_dict()), "application/json"), wanted[:1])
    assert answer(container, "16.99,Female,,Sun,2\n", "text/csv").shape == (1, 2)
    assert answer(container, json.dumps([{**ROWS.iloc[0].to_dict(), "size": None}]), "application/json").shape == (1, 2)


def test_many_rows_are_read_as_a_whole(tips):
    container, wanted = tips
    body = pandas.concat([ROWS] * 6_000).to_csv(index=False)
    assert len(body) > 2_000_000
    assert np.allclose(answer(container, body, "text/csv"), np.tile(wanted, (6_000, 1)))


@pytest.mark.parametrize(
    ("body", "media", "status", "said"),
    [
        ("1,2\n", "text/csv", 400, "takes 5 columns (total_bill, sex, smoker, day, size), got 2"),
        ('[{"sex": "Male"}]', "application/json", 400, "columns are missing: total_bill, smoker, day, size"),
        ("[]", "application/json", 400, "a list of rows is needed"),
        ("5", "application/json", 400, "a list of rows is needed"),
        ('[{"a": 1}, [2]]', "application/json", 400, "all objects or all lists"),
        ('{"a": [1, 2], "b": [1]}', "application/json", 400, "no table"),
        ("{", "application/json", 400, "no table"),
        ("1,Male,No,Sun,2\n", "text/csv; header=present", 400, "columns are missing"),
        ("", "text/csv", 400, "there are no rows"),
        ("total_bill,sex,smoker,day,seats\n1,Male,No,Sun,2\n", "text/csv", 400, "the header lacks size"),
        ("total_bill,sex,smoker,day,size\n", "text/csv", 400, "there are no rows"),
        ("1,Male,No,Sun,2\n1,Male,No,Sun\n", "text/csv", 400, "row 2 has 4 cells, the first has 5"),
        ("1,Male,No,Sun,2\n1,Male,No,Sun,2,\n", "text/csv", 400, "row 2 has 6 cells"),
        ("," * 60_000, "text/csv", 413, "60,001 columns; 10,000 columns and"),
        (
            '[{"size": [1], "total_bill": 1, "sex": "M", "smoker": "No", "day": "Sun"}]',
            "application/json",
            400,
            "a cell is a list",
        ),
        ("many,Male,No,Sun,2\n", "text/csv", 400, "the model does not take the table"),
        ("x", "application/x-npy", 415, "is not read for a table"),
        ("[" * 100_000, "application/json", 400, "no table"),
    ],
)
def test_what_is_no_table_is_refused(tips, body, media, status, said):
    container, _ = tips
    found, _, content = post(container, body.encode(), media)
    assert (found, said in content.decode()) == (status, True), content


def test_types_of_columns_keep_digits_that_are_words(tmp_path):
    frame = GAPMINDER.assign(code=GAPMINDER["iso_num"].astype(str).str.zfill(3))[["continent", "year", "code"]]
    made = pipeline(RandomForestRegressor(5, random_state=0)).fit(frame, GAPMINDER["lifeExp"])
    joblib.dump(made, tmp_path / "model.joblib")
    (tmp_path / "columns.json").write_text(json.dumps({"code": "str"}))
    wanted = made.predict(frame.head(30))
    with serving(tmp_path, GREENSAGE_ALLOW_PICKLE="1", GREENSAGE_DATAFRAME="1") as container:
        found = answer(container, frame.head(30).to_csv(index=False, header=False), "text/csv")
    assert np.allclose(found, wanted)


def categories(frame: pandas.DataFrame) -> pandas.DataFrame:
    return frame.assign(**{name: frame[name].astype(str) for name in ("sex", "smoker", "day")})


@pytest.mark.parametrize("kind", ["classes", "numbers", "counts"])
def test_catboost_with_categories_answers_as_catboost_does(tmp_path, kind):
    asked = {"iterations": 20, "verbose": 0, "allow_writing_files": False, "cat_features": ["sex", "smoker", "day"]}
    given, ask = categories(ROWS), json.dumps({"instances": ROWS.to_dict("records")})
    if kind == "classes":
        made = catboost.CatBoostClassifier(**asked).fit(categories(TIPS[FEATURES]), TIPS["time"])
        wanted = made.predict_proba(given)
    else:
        made = catboost.CatBoostRegressor(**asked, **({"loss_function": "Poisson"} if kind == "counts" else {}))
        wanted = made.fit(categories(TIPS[FEATURES]), TIPS["tip"]).predict(given)
    made.save_model(str(tmp_path / "model.cbm"))
    with serving(tmp_path) as container:
        assert np.allclose(answer(container, ask, "application/json"), wanted)
        assert np.allclose(answer(container, ROWS.to_csv(index=False, header=False), "text/csv"), wanted)


def test_catboost_of_numbers_takes_numbers(tmp_path):
    numbers = GAPMINDER[["year", "pop", "gdpPercap"]]
    made = catboost.CatBoostRegressor(iterations=20, verbose=0, allow_writing_files=False).fit(numbers, GAPMINDER["lifeExp"])
    made.save_model(str(tmp_path / "model.cbm"))
    with serving(tmp_path) as container:
        found = answer(container, numbers.head(9).to_csv(index=False, header=False), "text/csv")
        assert np.allclose(found, made.predict(numbers.head(9)))
        body = io.BytesIO()
        np.save(body, numbers.head(9).to_numpy(dtype=float))
        assert np.allclose(answer(container, body.getvalue(), "application/x-npy"), found)


def test_package_finds_out_that_a_pipeline_wants_a_table(tmp_path):
    made = pipeline(GradientBoostingClassifier(n_estimators=2)).fit(TIPS[FEATURES], TIPS["time"])
    joblib.dump(made, tmp_path / "lunch.joblib")
    sample = tmp_path / "row.csv"
    ROWS.head(1).to_csv(sample, index=False)
    out = package(tmp_path / "lunch.joblib", sample=sample, allow_pickle=True, out=Path(tmp_path / "lunch.tar.gz"))
    assert out.tried is not None and "dataframe: true" in out.yaml and "allow_pickle: true" in out.yaml


def test_json_beside_a_model_is_no_model_and_a_manifest_names_one_of_several(tmp_path):
    unpacked("iris", tmp_path)
    (tmp_path / "metrics.json").write_text('{"accuracy": 0.97}')
    rows = json.loads((ARTIFACTS / "iris.expected.json").read_text())["rows"]
    with serving(tmp_path) as container:
        wanted = answer(container, json.dumps({"instances": rows}), "application/json")
    (own,) = (path for path in tmp_path.iterdir() if path.suffix == ".skops")
    (tmp_path / "old.skops").write_bytes(own.read_bytes())
    with pytest.raises(ContainerFailed, match=r"name it in greensage\.json"), serving(tmp_path):
        pass
    (tmp_path / "greensage.json").write_text(json.dumps({"model": own.name}))
    with serving(tmp_path) as container:
        assert np.allclose(answer(container, json.dumps({"instances": rows}), "application/json"), wanted)
    (tmp_path / "greensage.json").write_text('{"model": "gone.skops"}')
    with pytest.raises(ContainerFailed, match=r"names gone\.skops as the model"), serving(tmp_path):
        pass


def test_many_keys_cost_no_more_than_those_the_model_takes(tips):
    container, _ = tips
    rows = [{**row, f"k{index}": 1} for index, row in enumerate(ROWS.to_dict("records") * 500)]
    assert answer(container, json.dumps(rows), "application/json").shape == (10_000, 2)


def test_words_that_look_like_missing_values_are_words(tmp_path):
    frame = pandas.DataFrame({"c": ["NA", "no", "NA", "no", "nan"] * 20, "x": range(100)})
    labels = [5.0, -5.0, 5.0, -5.0, 1.8] * 20
    made = catboost.CatBoostRegressor(iterations=50, verbose=0, allow_writing_files=False, cat_features=["c"])
    made.fit(frame, labels).save_model(str(tmp_path / "model.cbm"))
    wanted = made.predict(pandas.DataFrame({"c": ["NA", "nan"], "x": [7, 8]}))
    with serving(tmp_path) as container:
        assert np.allclose(answer(container, "NA,7\n,8\n", "text/csv"), wanted)
        assert np.allclose(answer(container, '[{"c": "NA", "x": 7}, {"c": null, "x": 8}]', "application/json"), wanted)


def test_code_of_another_name_and_a_table_that_the_users_code_loads(tmp_path):
    (tmp_path / "code").mkdir()
    (tmp_path / "code/serve.py").write_text(
        "def load(folder):\n    return {'Male': 1.0, 'Female': 2.0}\n\n"
        "def predict(model, rows):\n    return rows['sex'].map(model).to_numpy()\n"
    )
    asked = {"GREENSAGE_ALLOW_CODE": "1", "GREENSAGE_DATAFRAME": "1", "SAGEMAKER_PROGRAM": "serve.py"}
    with serving(tmp_path, **asked) as container:
        assert answer(container, '[{"sex": "Female"}, {"sex": "Male"}]', "application/json").tolist() == [2.0, 1.0]
